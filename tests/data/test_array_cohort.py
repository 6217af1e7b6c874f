"""A cohort of arrays does what a cohort file with the same content does."""

import numpy as np
import pytest

from data.toys import Center, build
from xdistill.data import ArrayCohort, Split, TrainingView, fit_transforms, open_cohort
from xdistill.errors import DataError, LeakError
from xdistill.interfaces.component import Choice
from xdistill.types import ColumnSpec, ModalitySpec, Schema

SCHEMA = Schema(
    {
        "scan": ModalitySpec("image", (1, 2, 2)),
        "blood": ModalitySpec("vector", (2,), (ColumnSpec("afp"), ColumnSpec("sex", "categorical", "", ("f", "m")))),
    },
    ("benign", "malignant"),
)
SCAN = np.arange(12.0).reshape(3, 1, 2, 2)
BLOOD = np.array([[1.5, 0], [np.nan, 1], [3.5, 1]])


def cohort(*, schema=SCHEMA, targets=(0, 1, 1), scan=SCAN, blood=BLOOD, **options):
    return ArrayCohort(schema, {"scan": scan, "blood": blood}, targets, **options)


def test_values_are_returned_by_row_and_modality():
    made = cohort(present={"blood": [True, True, False]})
    assert made.subjects == made.patients == ("0", "1", "2")
    assert made.targets.tolist() == [0, 1, 1]
    assert made.rows_of(["2", "0"]).tolist() == [2, 0]
    assert made.present("scan").tolist() == [True, True, True]
    assert made.present("blood").tolist() == [True, True, False]
    scan, blood = made.values("scan", [2, 0, 2]), made.values("blood", [0, 2])
    assert (scan.dtype, blood.dtype) == (np.float32, np.float64)
    np.testing.assert_array_equal(scan, SCAN[[2, 0, 2]])
    np.testing.assert_array_equal(blood, [[1.5, 0], [0, 0]])  # subject 2 has no blood


def test_callers_cannot_change_the_cohort():
    made = cohort()
    for values in (made.values("scan", [0, 1, 2]), made.targets, made.present("scan")):
        values[:] = 0
    np.testing.assert_array_equal(made.values("scan", [0, 1, 2]), SCAN)
    assert made.targets.tolist() == [0, 1, 1]
    assert made.present("scan").all()


def test_it_equals_a_cohort_file_with_the_same_content(tmp_path):
    file = open_cohort(build(tmp_path))
    made = ArrayCohort(
        file.schema,
        file.load(),
        file.targets,
        subjects=file.subjects,
        patients=file.patients,
        present={"blood": file.present("blood")},
    )
    assert made.fingerprint == file.fingerprint
    rows = [7, 0, 5]
    for name in file.schema.modalities:
        np.testing.assert_array_equal(made.values(name, rows), file.values(name, rows))
        np.testing.assert_array_equal(made.present(name), file.present(name))
    changed = file.targets
    changed[3] = 0
    options = {"subjects": file.subjects, "present": {"blood": file.present("blood")}}
    assert ArrayCohort(file.schema, file.load(), changed, **options).fingerprint != file.fingerprint


def test_transforms_are_fitted_on_its_training_subjects_alone():
    made = cohort()
    view = TrainingView(made, Split(0, 0, ("0", "1"), (), ("2",)))
    fitted = fit_transforms([Choice(Center, Center.Config(modality="scan"))], view)
    # The mean of subjects 0 and 1 is 2, 3, 4, 5; subject 2 holds 8, 9, 10, 11.
    np.testing.assert_array_equal(fitted.apply("scan", made.values("scan", [2])), np.full((1, 1, 2, 2), 6))
    with pytest.raises(LeakError, match="patient 'p'"):
        TrainingView(cohort(patients=["q", "p", "p"]), Split(0, 0, ("0", "1"), (), ("2",)))


def test_without_targets_there_is_no_label():
    assert cohort(targets=None).targets.tolist() == [-1, -1, -1]


def test_values_of_absent_subjects_are_ignored():
    scan = SCAN.copy()
    scan[1] = np.nan
    made = cohort(scan=scan, present={"scan": [True, False, True]})
    assert made.values("scan", [1]).tolist() == [[[[0, 0], [0, 0]]]]
    assert made.fingerprint == cohort(present={"scan": [True, False, True]}).fingerprint


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"targets": [0, 1]}, "`targets` has 2 entries, but modality 'scan' has 3 subjects"),
        ({"blood": BLOOD[:2]}, "modality 'blood' has 2 entries, but modality 'scan' has 3 subjects"),
        ({"subjects": ["a"]}, "`subjects` has 1 entries, but modality 'scan' has 3 subjects"),
        ({"patients": ["a"] * 4}, "`patients` has 4 entries, but modality 'scan' has 3 subjects"),
        ({"present": {"scan": [True]}}, "`present` of modality 'scan' has 1 entries, but modality 'scan' has 3"),
        ({"present": {"scan": [1, 1, 0]}}, r"has the shape \(3,\) and the type int64; pass one boolean per subject"),
        ({"present": {"scna": [True] * 3}}, "`present`: unknown modality 'scna'; did you mean `scan`"),
        ({"scan": SCAN[:, 0]}, r"'scan' has the shape \(3, 2, 2\); the schema needs \(subjects, 1, 2, 2\)"),
        ({"scan": SCAN.astype(str)}, "modality 'scan' has values of type <U32; pass numbers"),
        ({"blood": [[1, 2], [1]]}, "modality 'blood' is not an array"),
        ({"scan": SCAN[:0], "blood": BLOOD[:0], "targets": []}, "the cohort is empty"),
        ({"scan": SCAN + np.inf}, "subject '0', modality 'scan': 4 values are NaN or infinite"),
        (
            {"blood": BLOOD + np.array([0, 1])},
            "subject '1', modality 'blood': column 'sex' holds 2, which is not an index",
        ),
        ({"targets": [0, 1, 2]}, "subject '2': target 2"),
        ({"targets": [0.0, 1.0, 1.0]}, "`targets` has values of type float64; classification .* needs int64"),
        ({"targets": [[0], [1], [1]]}, r"`targets` has the shape \(3, 1\)"),
        ({"subjects": ["a", "b", "a"]}, "subject 'a'"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(DataError, match=message):
        cohort(**options)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"scan": SCAN}, "`arrays`: modality 'blood' of the schema is missing"),
        ({"scan": SCAN, "bloood": BLOOD}, "`arrays`: unknown modality 'bloood'; did you mean `blood`"),
        ({}, "`arrays`: modality 'scan' of the schema is missing"),
    ],
)
def test_modalities_must_be_those_of_the_schema(arrays, message):
    with pytest.raises(DataError, match=message):
        ArrayCohort(SCHEMA, arrays, [0, 1, 1])


def test_asking_for_what_it_does_not_have():
    made = cohort()
    with pytest.raises(DataError, match="unknown modality 'ct'"):
        made.values("ct", [0])
    with pytest.raises(DataError, match="unknown modality 'blod'; did you mean `blood`"):
        made.present("blod")
    with pytest.raises(DataError, match="the cohort has no subject 'x'"):
        made.rows_of(["0", "x"])
    with pytest.raises(IndexError, match="rows go from 0 to 2"):
        made.values("scan", [3])
