"""Verification: every way to spoil a record is found and named."""

from __future__ import annotations

import json
import re

import pytest

from xdistill.bench.check import check
from xdistill.bench.export.notes import notes
from xdistill.bench.records.audit import MOST
from xdistill.bench.records.facts import sum_of
from xdistill.bench.records.record import digest
from xdistill.bench.records.remarks import differing
from xdistill.bench.records.verify import read_records, verify_records
from xdistill.bench.table import standings
from xdistill.errors import RunError


def problems(benchmark):
    return "\n".join(check(benchmark).problems)


def change(path, **changes):
    """Replace keys of a JSON file, and make its checksum fit, as a cunning hand would; underscores lead deeper."""
    data = json.loads(path.read_text())
    for name, value in changes.items():
        *parents, last = name.split("__")
        place = data
        for parent in parents:
            place = place[parent]
        place[last] = value
    if "sha256" in data:
        data["sha256"] = sum_of(data)
    path.write_text(json.dumps(data))


def change_row(folder, number, old, new):
    """Replace something in a row of predictions, and make the hash fit, as a cunning hand would."""
    path = folder / "predictions.csv"
    lines = path.read_text().splitlines(keepends=True)
    changed = re.sub(old, new, lines[number], count=1)
    assert changed != lines[number]
    lines[number] = changed
    path.write_text("".join(lines))
    change(folder / "record.json", predictions_sha256=digest("".join(lines)))


def test_all_is_well(submitted):
    verdict = check(submitted)
    assert verdict.problems == ()
    assert [record.entry for record in verdict.records] == ["alone", "kd"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scores__student__auc_ovo__mean": 0.99}, "entry 'kd': the score student auc_ovo mean is 0.99, but from the"),
        ({"scores__teacher__brier__sd": 0}, "the score teacher brier sd is 0, but from the predictions it is 0."),
        ({"scores__student": {}}, "the score student auc_ovo mean is None"),
        ({"scores__student__extra": {"mean": 1.0, "sd": 0.0}}, "the score student extra mean is 1.0"),
        ({"predictions_sha256": "00"}, "predictions.csv: the predictions were changed since they were submitted"),
        ({"cohort__fingerprint": "ab" * 32}, "the cohort fingerprint abababababab is not that of .* another cohort"),
        ({"cohort__class_counts": {"M0": 30}}, "the number of subjects per class differs from splits.json"),
        ({"split_hash": "cd" * 32}, "the split hash cdcdcdcdcdcd is not that of .* other folds"),
        ({"splits_sha256": "00"}, "a split was changed"),
        ({"status": "running"}, "the run is not finished"),
        ({"format_version": 2}, "record.json: format version 2; this version of xdistill reads version 1. Submit"),
        ({"format": "else"}, "not a record of a benchmark"),
        ({"entry": "kdd"}, "no entry 'kdd' with a recipe; did you mean `kd`"),
        ({"entry": "alone"}, "belongs in a folder 'alone'"),
        ({"seed": 5}, "entry 'kd': its seed is 5, but the recipe was run with 0"),
        ({"recipe__seed": 5}, "entry 'kd': `seed` of the recipe that was run differs from the benchmark"),
        ({"recipe__stages": [{}]}, "`stages.0.name` of the recipe that was run"),
        ({"recipe__crossval__folds": 9}, "`crossval` of the recipe"),
        ({"subjects": "ids"}, "it names subjects by their ids, but splits.json has no ids"),
        ({"subjects": 3}, "cannot be read as a record: subjects"),
        ({"networks__student": None}, "cannot be read as a record: networks"),
        ({"seconds__folds": {}}, "cannot be read as a record: seconds.folds"),
        ({"recipe": "none"}, "cannot be read as a record: recipe"),
    ],
)
def test_spoilt_records(submitted, changes, message):
    change(submitted.records / "kd" / "record.json", **changes)
    told = problems(submitted)
    assert re.search(message, told), told
    assert str(submitted.records / "kd") in told
    assert str(submitted.records / "alone") not in told


@pytest.mark.parametrize(
    ("row", "old", "new", "message"),
    [
        (5, r",0\.\d+$", ",0.9", r"predictions.csv:6: the probabilities must sum to 1, but sum to"),
        (5, r",0\.", ",-0.", r"predictions.csv:6: a probability is negative: -0\."),
        (5, r",0\.\d+", ",nan", "predictions.csv:6: a probability is not finite"),
        (5, r",0\.\d+", ",inf", "predictions.csv:6: a probability is not finite"),
        (5, r",0\.\d+", ",much", "predictions.csv:6: the probabilities must be numbers"),
        (5, r"$", ",1", "predictions.csv:6: 9 cells, but the header has 8"),
        (0, "p_M0,p_M1", "p_M1,p_M0", "predictions.csv:1: the header must be role,repeat"),
        (5, r",M\d,", ",M9,", "predictions.csv:6: the target of subject '[0-9]+' is 'M9', but 'M"),
        (5, r"^student,0,0", "student,0,1", "predictions.csv:6: the split was changed: r0-f1 does not test subject"),
        (5, r"^student,0,0", "student,4,0", "predictions.csv:6: the benchmark has no student in repeat 4, fold 0"),
        (5, r"^student,0", "student,x", "predictions.csv:6: repeat and fold must be whole numbers"),
        (5, r"^student,0,0,\d+", "student,0,0,77", "predictions.csv:6: the benchmark has no subject '77'"),
        (5, r"^.*\n", "", "student r0-f0: subject [0-9]+ is missing"),
        (35, r"^.*\n", "", "teacher r0-f0: subject [0-9]+ is missing"),
    ],
)
def test_spoilt_rows(submitted, row, old, new, message):
    change_row(submitted.records / "kd", row, old, new)
    told = problems(submitted)
    assert re.search(message, told), told


def test_a_row_that_is_there_twice(submitted):
    change_row(submitted.records / "kd", 5, r"^(.*\n)", r"\1\1")
    assert "predictions.csv:7: the subject" in problems(submitted)
    assert "is predicted twice in this fold" in problems(submitted)


def test_changed_probabilities_are_found_by_hash_and_by_score(submitted):
    path = submitted.records / "kd" / "predictions.csv"
    text = re.sub(r"(student,.*),M1,.*", r"\1,M1,0,1,0", path.read_text())
    path.write_text(text)
    told = problems(submitted)
    assert "the predictions were changed since they were submitted" in told
    assert "the score student auc_ovo mean is" in told


def test_a_network_without_predictions_is_found(submitted):
    folder = submitted.records / "alone"
    network = json.loads((folder / "record.json").read_text())["networks"]["student"]
    change(folder / "record.json", networks__teacher=network, recipe__teacher={"use": "multibranch"})
    assert "teacher r0-f0: subject 0" in problems(submitted)


def test_many_problems_of_one_kind_are_shortened(submitted):
    path = submitted.records / "kd" / "predictions.csv"
    path.write_text(re.sub(r",0\.\d+\n", ",7\n", path.read_text()))
    lines = problems(submitted).splitlines()
    assert sum("must sum to 1" in line for line in lines) == MOST
    assert any("and 55 more like these (probabilities)" in line for line in lines)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"targets": [0] * 30}, "splits.json: the splits were changed since they were written"),
        ({"format_version": 7}, "splits.json: format version 7; this version of xdistill reads version 1"),
        ({"format": "x"}, "splits.json: not the splits of a benchmark"),
        ({"splits": 3}, "splits.json: cannot be read as splits"),
        ({"ids": ["a"]}, "the ids must be those of all subjects"),
    ],
)
def test_spoilt_splits(submitted, changes, message):
    change(submitted.records / "splits.json", **changes)
    assert message in problems(submitted)


def test_splits_whose_hash_was_made_to_fit_are_found_by_every_record(submitted):
    from dataclasses import replace

    from xdistill.bench.records.splits_file import read_splits

    splits = read_splits(submitted.records)
    first, second, third = splits.folds
    # Two subjects of one class change places: everything adds up, and yet it is another split.
    one = next(rank for rank in first.test if splits.targets[rank] == 0)
    other = next(rank for rank in second.test if splits.targets[rank] == 0)
    swapped = (
        replace(first, test=tuple(sorted({*first.test, other} - {one}))),
        replace(second, test=tuple(sorted({*second.test, one} - {other}))),
        third,
    )
    (submitted.records / "splits.json").write_text(replace(splits, folds=swapped).to_text())
    told = problems(submitted)
    assert told.count("a split was changed") == 2
    assert "the split was changed: r0-f0 does not test subject" in told


def test_a_class_that_is_absent_in_a_fold(submitted):
    from dataclasses import replace

    from xdistill.bench.records.splits_file import read_splits

    splits = read_splits(submitted.records)
    gone = set(splits.folds[0].test)
    targets = tuple(0 if rank in gone and label == 2 else label for rank, label in enumerate(splits.targets))
    (submitted.records / "splits.json").write_text(replace(splits, targets=targets).to_text())
    assert "splits.json: r0-f0: class 'M2' has no test subject; use fewer folds or merge classes" in problems(submitted)


def test_other_versions_are_an_error_or_if_forged_a_remark_and_a_note(submitted):
    record = submitted.records / "kd" / "record.json"
    whole = record.read_text()
    torch = json.loads(whole)["versions"]["torch"]
    record.write_text(whole.replace(f'"torch": "{torch}"', '"torch": "9.9.9"'))
    assert "record.json: was changed after it was submitted" in problems(submitted)
    record.write_text(whole)
    change(record, versions__torch="9.9.9")
    verdict = check(submitted)
    assert verdict.problems == ()
    (remark,) = verdict.remarks
    assert remark.startswith(("kd: made with torch 9.9.9 (others:", "alone: made with torch"))
    (note,) = [note for note in notes(standings(submitted, verdict.records)) if "other versions" in note]
    assert "9.9.9" in note
    found = list(differing({"a": {"x": "1"}, "b": {"x": "1"}, "c": {"x": "2", "y": "3"}}))
    assert found == [(["c"], "x 2 (others: 1)")]


def test_a_record_without_a_checksum_is_said_to_have_none(submitted):
    record = submitted.records / "kd" / "record.json"
    record.write_text(
        json.dumps({key: value for key, value in json.loads(record.read_text()).items() if key != "sha256"})
    )
    verdict = check(submitted)
    assert verdict.problems == ()
    assert "kd: without a checksum" in verdict.remarks[0]


def test_tables_are_only_made_of_what_is_true(submitted):
    change(submitted.records / "kd" / "record.json", scores__student__auc_ovo__mean=0.99, status="running")
    with pytest.raises(RunError, match=r"not finished .*and 1 more problems\); `xdistill bench verify` lists all"):
        read_records(submitted)


def test_no_records(small):
    assert "there are no records here" in problems(small)
    with pytest.raises(RunError, match="there are no records of the benchmark 'small'; submit some runs first"):
        read_records(small)


def test_records_of_other_splits_than_the_benchmark_has_by_now(submitted):
    verdict = verify_records(submitted.with_splits(repeats=2))
    assert "the benchmark 'small' has 2 x 3 folds; the 3 folds of the records " in verdict.problems[0]


def test_a_leaderboard_that_the_records_do_not_generate(submitted):
    from xdistill.bench.export import render
    from xdistill.bench.table import standings

    page = render(standings(submitted, read_records(submitted)), "md")
    board = submitted.path.parent / "LEADERBOARD.md"
    board.write_text(f"# All of them\n\n{page}\nAnd more.\n")
    assert problems(submitted) == ""
    board.write_text(page.replace("kd", "KD"))
    assert "LEADERBOARD.md: differs from what the records of 'small' generate" in problems(submitted)
