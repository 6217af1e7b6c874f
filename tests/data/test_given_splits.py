"""Splits by a column, by files, by site and by date, and patients with several labels."""

import json
import os

import numpy as np
import pytest

from xdistill.data import Splits, make_splits
from xdistill.data.splitting import training_split
from xdistill.errors import DataError, LeakError, RecipeError
from xdistill.recipe.load import as_loaded
from xdistill.recipe.schema.crossval import Crossval

SUBJECTS = [f"s{row}" for row in range(8)]
TARGETS = [0, 1] * 4
CLASSES = ("no", "yes")
COLUMNS = {
    "split": ["train"] * 4 + ["Val"] * 2 + ["test"] * 2,
    "fold": ["0", "0", "10", "10", "2", "2", "2", "2"],
    "site": ["Bern", "Bern", "Basel", "Basel", "Bern", "Bern", "Chur", "Chur"],
    "date": ["2012-03-01"] * 4 + ["20130101", "2013-06-30T08:15", "2014-01-01", "2014-01-02"],
    "gap": ["train"] * 6 + ["test", ""],
}


def given(*, patients=SUBJECTS, targets=TARGETS, columns=COLUMNS, **crossval):
    return make_splits(SUBJECTS, patients, targets, CLASSES, Crossval(**crossval), "print", columns=columns)


def ranks_in(splits):
    return ["".join(subject[1:] for subject in split.test) for split in splits]


def test_a_column_of_words():
    (split,) = given(by="split")
    assert split.train == ("s0", "s1", "s2", "s3")
    assert split.validation == ("s4", "s5")
    assert split.test == ("s6", "s7")
    own = {"train": ["val", "train"], "test": ["TEST"], "validation": []}
    (split,) = given(by="split", words=own, validation=0.3)
    assert split.test == ("s6", "s7")
    assert len(split.validation) == 2  # drawn, since no word names a validation part


def test_folds_and_sites_are_left_out_one_at_a_time():
    assert ranks_in(given(by="fold")) == ["01", "4567", "23"]  # 0, 2, 10
    by_site = given(by="site")
    assert ranks_in(by_site) == ["23", "0145", "67"]  # Basel, Bern, Chur
    assert by_site.fold(0, 0).train == ("s0", "s1", "s4", "s5", "s6", "s7")
    assert ranks_in(given(by="site", tested=["Chur", "Bern"])) == ["0145", "67"]
    assert Splits.from_json(json.loads(json.dumps(by_site.to_json()))) == by_site
    assert given(by="fold", column="site").hash == by_site.hash


def test_from_a_date_on():
    (split,) = given(by="date", since="2013-06-30")
    assert split.test == ("s5", "s6", "s7")


def test_files_of_ids(tmp_path):
    (tmp_path / "test.txt").write_text("# held out\ns7\n\ns2\n", encoding="utf-8")
    (tmp_path / "val.txt").write_text("s0\ns1\n", encoding="utf-8")
    files = {"test": str(tmp_path / "test.txt"), "validation": str(tmp_path / "val.txt")}
    (split,) = given(by="files", files=files)
    assert (split.train, split.validation, split.test) == (("s3", "s4", "s5", "s6"), ("s0", "s1"), ("s2", "s7"))
    (tmp_path / "train.txt").write_text("s3\n", encoding="utf-8")
    (tmp_path / "val.txt").write_text("s0\n", encoding="utf-8")
    with pytest.raises(DataError, match="4 subjects of 8 are in none of the files"):
        given(by="files", files={**files, "train": str(tmp_path / "train.txt")})
    for content, error, message in (
        ("s9\ns8\n", DataError, "2 subjects of 2 are not in the cohort, the first is 's9'"),
        ("", DataError, "the file has no id"),
        ("s2\n", LeakError, "the subject 's2' is in the file of the validation part as well"),
    ):
        (tmp_path / "val.txt").write_text(content, encoding="utf-8")
        with pytest.raises(error, match=message):
            given(by="files", files=files)
    with pytest.raises(DataError, match=r"no such file; `crossval.files` names files"):
        given(by="files", files={"test": str(tmp_path / "none.txt")})
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(DataError, match="it is a named pipe, not a regular file"):
        given(by="files", files={"test": str(tmp_path / "pipe.txt")})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"by": "site", "column": "clinic"}, r"keeps no column 'clinic' for splits \(it keeps 'split', 'fold'"),
        (
            {"by": "split", "column": "gap"},
            r"1 subject of 8 has no value in the column 'gap' \('.*'\); fill it in, .* `data.require: \[gap\]`",
        ),
        (
            {"by": "split", "column": "site"},
            r"words that name no part of a split: 'Bern' \(4\), 'Basel' \(2\), 'Chur' \(2\); list",
        ),
        (
            {"by": "split", "words": {"train": ["train", "val", "test"], "validation": [], "test": ["later"]}},
            "no subject for test",
        ),
        ({"by": "site", "tested": ["Genf"]}, r"names 'Genf', which the column 'site' does not have"),
        ({"by": "date", "column": "site", "since": "2013-01-01"}, "8 values that are not dates, such as 'Bern'"),
        ({"by": "date", "since": "2020-01-01"}, "no subject has a date from 2020-01-01 .* 2012-03-01 to 2014-01-02"),
        ({"by": "date", "since": "2014-01-02"}, "has no subject of class 'no', .*change the split"),
    ],
)
def test_what_is_no_split(changes, message):
    with pytest.raises(DataError, match=message):
        given(**changes)


def test_a_site_without_a_class_is_named():
    with pytest.raises(DataError, match=r"test part of site 'Chur' has no subject of class 'yes'.*crossval.tested"):
        given(by="site", targets=[0, 1, 0, 1, 0, 1, 0, 0])


def test_a_patient_in_two_parts_is_refused_with_the_count():
    patients = ["a", "b", "c", "d", "e", "f", "a", "b"]
    with pytest.raises(LeakError, match=r"the column 'split' puts 2 patients into two parts .* the first is 'a'"):
        given(by="split", patients=patients)
    with pytest.raises(
        LeakError, match=r"the column 'site' puts 2 patients into two parts of the split when 'Bern' is"
    ):
        given(by="site", patients=patients)
    between = ["a", "b", "c", "d", "a", "f", "g", "h"]  # training and validation
    with pytest.raises(LeakError, match="puts 1 patient into two parts"):
        given(by="split", patients=between)


@pytest.mark.parametrize(
    ("crossval", "message"),
    [
        ({"since": "2012-01-01"}, r"crossval\.since: `since` belongs to `by: date`"),
        ({"by": "site", "files": {"test": "a"}}, r"crossval\.files: `files` belongs to `by: files`"),
        ({"by": "files"}, r"crossval\.by: `by: files` needs `files`"),
        ({"by": "split", "words": {"train": ["test"]}}, r"crossval\.words: the word 'test' stands for two parts"),
        ({"by": "date", "since": "May"}, r"crossval\.since: write the date as year-month-day"),
        ({"by": "site", "repeats": 2}, r"crossval\.repeats: the splits are given by `by: site`; leave `repeats` out"),
        ({"by": "site", "official": True}, r"crossval\.official: the splits are given by `by: site`"),
    ],
)
def test_fields_that_do_not_go_together(crossval, message):
    stages = [{"name": "a", "train": ["student"], "epochs": 1, "objective": [{"use": "cross_entropy"}]}]
    with pytest.raises(RecipeError, match=message):
        as_loaded(
            {"name": "a", "data": {"use": "lupi"}, "student": {"use": "mlp"}, "stages": stages, "crossval": crossval}
        )


def test_recipes_that_draw_their_folds_are_what_they_were():
    assert set(Crossval().model_dump(mode="json")) == {"folds", "repeats", "stratify", "seed", "validation"}
    assert Crossval(by="site").model_dump(mode="json")["by"] == "site"
    assert Crossval(**Crossval(by="site").complete()) == Crossval(by="site")


def lesions(patients=30, each=3):
    """Every third patient has lesions of both classes."""
    names = [f"p{row:02}" for row in range(patients) for _ in range(each)]
    targets = [(row % 2 if row % 3 else place % 2) for row in range(patients) for place in range(each)]
    return [f"l{row:03}" for row in range(len(names))], names, targets


def test_lesions_of_a_patient_stay_together_whatever_their_labels():
    subjects, patients, targets = lesions()
    patient_of, target_of = (dict(zip(subjects, values, strict=True)) for values in (patients, targets))
    splits = make_splits(subjects, patients, targets, CLASSES, Crossval(folds=3, validation=0.25), "print")
    share = np.mean(targets)
    for split in splits:
        parts = [{patient_of[one] for one in part} for part in (split.train, split.validation, split.test)]
        assert not (parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2])
        for part in (split.train, split.validation, split.test):
            assert abs(np.mean([target_of[one] for one in part]) - share) < 0.15
        assert len(split.validation) == pytest.approx(0.25 * 60, abs=3)
    whole = training_split(subjects, patients, targets, CLASSES, Crossval(validation=0.3))
    assert not {patient_of[one] for one in whole.train} & {patient_of[one] for one in whole.validation}
    assert len(whole.validation) == pytest.approx(27, abs=3)


def test_a_fraction_that_cannot_be_held_out_of_lesions():
    subjects, patients, targets = ["a", "b", "c", "d"], ["p", "p", "q", "q"], [0, 1, 0, 1]
    with pytest.raises(DataError, match=r"a fraction of 0.9 of 2 training patients cannot be held out"):
        training_split(subjects, patients, targets, CLASSES, Crossval(validation=0.9))


@pytest.mark.parametrize(("tested", "single"), [(("Bern",), True), (("Bern", "Chur"), False), (None, False)])
def test_one_tested_site_is_a_single_test_part(tested, single):
    assert Crossval(by="site", tested=tested).single is single


def test_values_that_are_tested_are_texts():
    chosen = Crossval.model_validate({"by": "site", "tested": ("Bern", 0)})  # YAML reads 0 as a number
    assert chosen.tested == ("Bern", "0")
