"""What would leak the label: found where it is, and silent where it is not."""

import numpy as np
import pytest

from xdistill.profiling import Caution, Roles, kept_cautions, profile_table, reported, vector_cautions
from xdistill.profiling.association import chance, cramers_v, matching, separation
from xdistill.profiling.similar import average_hashes
from xdistill.tables import read_table
from xdistill.tasks import Survival
from xdistill.types import ColumnSpec, ModalitySpec, Schema

CLASSES = np.repeat([0, 1], 20)
RNG = np.random.default_rng(0)


def names(column, spec, classes=CLASSES, patients=None):
    schema = Schema({"x": ModalitySpec("vector", (1,), (spec,))}, ("benign", "malignant"))
    patients = [str(row) for row in range(len(classes))] if patients is None else patients
    vectors = {"x": np.asarray(column, dtype=np.float64)[:, None]}
    return [caution.name for caution in vector_cautions(vectors, schema, classes, patients)]


def test_separation_is_the_smallest_pairwise_area():
    values, classes = np.array([1.0, 2, 3, 4, 5, 6]), np.array([0, 0, 1, 1, 2, 2])
    assert separation(values, classes) == 1.0
    assert separation(-values, classes) == 1.0
    values[[1, 2]] = values[[2, 1]]  # of the pairs (1, 3) x (2, 4), three of four are in order
    assert separation(values, classes) == 0.75
    assert separation(np.array([np.nan, 1.0]), np.array([0, 1])) == 0.5


def test_matching_leaves_the_subject_itself_out():
    assert matching(np.arange(6.0), np.array([0, 1, 0, 1, 0, 1])) == 0.0  # ids predict nothing
    assert matching(np.array([0.0, 0, 1, 1, 1]), np.array([0, 0, 1, 1, 0])) == 0.4  # a tie for the two of value 1


def test_chance_counts_arrangements():
    """Of 70 ways to divide eight subjects into halves, two separate perfectly."""
    values = np.arange(8.0)
    assert chance(values, np.repeat([0, 1], 4), 1) == pytest.approx(2 / 70)
    assert chance(values, np.repeat([0, 1], 4), 10) == pytest.approx(20 / 70)
    assert chance(values[:6], np.repeat([0, 1], 3), 1) == 1.0


def test_cramers_v():
    assert cramers_v(np.repeat([0.0, 1], 10), np.repeat([0, 1], 10)) == pytest.approx(1.0)
    assert cramers_v(np.tile([0.0, 1], 10), np.repeat([0, 1], 10)) == pytest.approx(0.0)


def test_columns_that_give_numbers_away():
    time, event = RNG.exponential(size=40), CLASSES
    columns = (ColumnSpec("follow up"), ColumnSpec("cause"), ColumnSpec("age"))
    schema = Schema({"x": ModalitySpec("vector", (3,), columns)}, task=Survival())
    matrix = np.column_stack([30 * time, event + RNG.normal(size=40) / 100, RNG.normal(size=40)])
    found = vector_cautions({"x": matrix}, schema, np.column_stack([time, event]), list(map(str, range(40))))
    assert [(one.name, one.place) for one in found] == [
        ("column_predicts_label", "follow up"),
        ("column_predicts_label", "cause"),
    ]
    assert "rank correlation 1.000" in found[0].text


def test_columns_that_give_the_label_away():
    noise = RNG.normal(size=40)
    words = ColumnSpec("histology", "categorical", categories=("Benign", "Malignant"))
    assert names(CLASSES, words) == ["label_copy"]
    assert names(CLASSES, ColumnSpec("stage", "categorical", categories=("1", "2"))) == ["column_predicts_label"]
    assert names(CLASSES + noise / 100, ColumnSpec("AFP")) == ["column_predicts_label"]
    assert names(np.arange(40), ColumnSpec("case_no")) == ["id_predicts_label"]
    assert names(np.arange(40), ColumnSpec("days since visit")) == ["date_predicts_label"]
    assert names(np.where(CLASSES, noise, np.nan), ColumnSpec("CRP")) == ["missing_predicts_label"]
    site = ColumnSpec("scanner", "categorical", categories=("A", "B"))
    assert names(np.where(np.arange(40) % 10 == 0, 1 - CLASSES, CLASSES), site) == ["site_predicts_label"]


def test_columns_that_do_not():
    noise = RNG.normal(size=40)
    assert names(noise, ColumnSpec("AFP")) == []
    assert names(CLASSES + noise, ColumnSpec("AFP")) == []
    assert names(np.tile([0, 1], 20), ColumnSpec("site", "categorical", categories=("A", "B"))) == []
    few = np.repeat([0, 1], 4)
    assert names(few, ColumnSpec("AFP"), few) == []  # may be chance


def test_two_patients_with_the_same_numbers():
    matrix = RNG.normal(size=(40, 6))
    matrix[7] = matrix[3]
    specs = tuple(ColumnSpec(f"c{place}") for place in range(6))
    schema = Schema({"x": ModalitySpec("vector", (6,), specs)}, ("a", "b"))
    patients = [str(row) for row in range(40)]
    (caution,) = vector_cautions({"x": matrix}, schema, CLASSES, patients)
    assert caution.name == "same_values"
    assert caution.text.startswith("2 patients share the same 6 numbers in `x`")
    patients[7] = patients[3]
    assert vector_cautions({"x": matrix}, schema, CLASSES, patients) == []


def test_the_average_hash_does_not_see_brightness_and_noise():
    image = RNG.normal(size=(1, 8, 16, 16))
    image[:, :4] += 3
    first, brighter, turned = average_hashes(np.stack([image, image * 2 + 5, image[:, ::-1]]))
    assert first == brighter
    assert first != turned


def table(folder, text):
    (folder / "t.csv").write_text(text, encoding="utf-8")
    return read_table(folder / "t.csv")


def test_a_table_is_profiled(tmp_path):
    rows = [
        f"P{row:03d},{'ab'[row // 20]},{row * 7 % 40}.5,{'yes' if row % 3 else ''},s{row % 39}.nii" for row in range(40)
    ]
    profile = profile_table(
        table(tmp_path, "\n".join(["id,label,AFP,smoker,scan", *rows])), Roles(label="label", subject="id")
    )
    by_name = {column.name: column for column in profile.columns}
    assert {name: column.type for name, column in by_name.items()} == {
        "id": "text",
        "label": "category",
        "AFP": "number",
        "smoker": "category",
        "scan": "files",
    }
    assert by_name["AFP"].range == (0.5, 20.0, 39.5)
    assert sum(by_name["AFP"].bars) == 40
    assert (by_name["smoker"].missing, by_name["smoker"].words) == (14, (("yes", 26),))
    assert by_name["smoker"].oddities == ("a single value",)
    assert profile.classes == {"a": 20, "b": 20}
    assert [caution.name for caution in profile.cautions] == ["id_predicts_label", "file_used_twice"]


def test_oddities_of_numbers(tmp_path):
    cells = ["999", "999", *[str(20 + row % 7) for row in range(30)], "90000", "1e39"]
    rows = [f"{cell},00{row},{20200101 + row}" for row, cell in enumerate(cells)]
    columns = profile_table(table(tmp_path, "\n".join(["x,nr,day", *rows])), Roles()).columns
    assert columns[0].oddities[0] == "1e+39 is too large for 32 bits"
    assert columns[0].oddities[1] == "4 outliers, such as 1e+39"
    assert columns[1].oddities == ("leading zeros: an id?",)
    assert columns[2].oddities == ("may be dates written YYYYMMDD",)
    columns = profile_table(table(tmp_path, "\n".join(["x", *cells[:-2]])), Roles()).columns
    assert columns[0].oddities == ("999 occurs 2 times, far from all other values: does it mean missing?",)


def test_a_patient_on_both_sides(tmp_path):
    text = "patient,part\nA,train\nA,test\nB,train\nB,Train\n"
    (caution,) = profile_table(table(tmp_path, text), Roles(patient="patient")).cautions
    assert str(caution) == "patient_on_both_sides: 1 patients are in several parts of 'part'"


def test_columns_for_splits_that_tell_the_classes_apart():
    schema = Schema({}, ("benign", "malignant"))
    site = np.where(CLASSES, "Bern", "Basel").tolist()
    kept = {"site": site, "date": [f"20{10 + one}-01-02" for one in CLASSES], "split": ["train", "test"] * 20}
    labelled = np.arange(40) > 2
    found = kept_cautions(kept, schema, CLASSES, labelled)
    assert [caution.name for caution in found] == ["site_predicts_label", "date_predicts_label"]
    assert kept_cautions({"split": kept["split"]}, schema, CLASSES, labelled) == []
    assert reported(["file_used_twice: 2 files", "clinic.csv: tabs"]) == [Caution("file_used_twice", "2 files")]


def test_ids_of_subjects_of_whom_some_have_no_label(tmp_path):
    rows = [f"{row},{'' if row % 9 == 0 else 'ab'[row > 20]}" for row in range(40)]
    profile = profile_table(table(tmp_path, "\n".join(["id,label", *rows])), Roles(label="label", subject="id"))
    assert [caution.name for caution in profile.cautions] == ["id_predicts_label"]
