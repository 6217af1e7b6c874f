"""Predictions on disk: bit for bit, and refused when something is wrong with them."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from xdistill.errors import RunError
from xdistill.stats import FoldPredictions, Predictions, read_predictions, write_predictions

CLASSES = ("M0, low", 'M1 "mid"', "M2\nhigh")  # whatever people call their classes

GOOD = "role,repeat,fold,subject,target,p_a,p_b\nstudent,0,0,s0,a,0.75,0.25\nstudent,0,0,s1,b,0.5,0.5\n"


def predictions(seed=0, subjects=20):
    generator = np.random.default_rng(seed)
    folds = []
    for role in ("student", "teacher"):
        for number in (1, 0):
            probabilities = generator.dirichlet(np.full(3, 0.05), subjects)  # some are as small as 1e-300
            ids = tuple(f"subject {number}, {index}" for index in range(subjects))
            target = generator.integers(0, 3, subjects)
            folds.append(FoldPredictions(role, 0, number, ids, target, probabilities))
    return Predictions(CLASSES, tuple(folds))


def test_what_is_read_is_what_was_written_bit_by_bit(tmp_path):
    written = predictions()
    write_predictions(tmp_path / "predictions.csv", written)
    read = read_predictions(tmp_path / "predictions.csv")
    assert read.classes == CLASSES
    assert len(read.folds) == 4
    for ours, theirs in zip(written.folds, read.folds, strict=True):
        assert (ours.role, ours.repeat, ours.fold, ours.subjects) == (
            theirs.role,
            theirs.repeat,
            theirs.fold,
            theirs.subjects,
        )
        assert ours.target.tolist() == theirs.target.tolist()
        assert ours.probabilities.tobytes() == theirs.probabilities.tobytes()


def test_the_student_comes_first_and_folds_are_in_order(tmp_path):
    write_predictions(tmp_path / "predictions.csv", predictions())
    read = read_predictions(tmp_path / "predictions.csv")
    assert read.roles() == ("student", "teacher")
    assert [fold.fold for fold in read.of("teacher")] == [0, 1]
    pooled = read.pooled("student")
    assert pooled.subjects[0] == "subject 0, 0"
    assert pooled.probabilities.shape == (40, 3)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("0.75", "high", 2, "could not convert string to float: 'high'"),
        ("0.75", "nan", 2, "a probability is not finite"),
        ("0.75", "inf", 2, "a probability is not finite"),
        ("0.75", "0.74", 2, "sum to 0.99"),
        ("0.75,0.25", "1.25,-0.25", 2, "a probability is negative: -0.25"),
        ("0.75,0.25", "1.0", 2, "6 cells, but the header has 7"),
        ("s1,b", "s1,c", 3, "the target 'c' is not one of the classes a, b"),
        ("s1", "s0", 3, "the subject 's0' is predicted twice in this fold"),
        ("0,0,s1", "0,first,s1", 3, "'first'"),
        ("0.5,0.5", "0.5,0.", 3, "sum to 0.5"),
        ("0.5,0.5\n", "0.5", 3, "6 cells"),
        ("role,", "part,", 1, "the header must start with role,repeat,fold,subject,target"),
        ("p_b", "b", 1, "a column p_<class>"),
        ("p_b", "p_a", 1, "a column p_<class>"),
    ],
)
def test_a_file_that_was_changed_is_refused_by_its_line(tmp_path, old, new, line, message):
    path = tmp_path / "predictions.csv"
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(RunError) as caught:
        read_predictions(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert message in str(caught.value)


def test_lines_are_counted_as_an_editor_counts_them(tmp_path):
    path = tmp_path / "predictions.csv"
    path.write_text(GOOD.replace("s0", '"two\nlines"').replace("0.5,0.5", "0.5,x"))
    with pytest.raises(RunError, match=r"predictions.csv:4: "):
        read_predictions(path)


@pytest.mark.parametrize("content", [b"", b"\n", GOOD.splitlines()[0].encode(), b"\xff\xfe\x00", b"PK\x03\x04"])
def test_a_file_that_holds_no_predictions(tmp_path, content):
    path = tmp_path / "predictions.csv"
    path.write_bytes(content)
    with pytest.raises(RunError, match="predictions"):
        read_predictions(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(RunError, match=r"none\.csv: cannot be read: no such file"):
        read_predictions(tmp_path / "none.csv")


def test_the_student_comes_first_and_others_by_name():
    (one,) = read_folds("student")
    folds = tuple(replace(one, role=role) for role in ("zebra", "student", "teacher", "ant"))
    assert Predictions(CLASSES, folds).roles() == ("student", "ant", "teacher", "zebra")
    with pytest.raises(FrozenInstanceError):
        one.role = "teacher"


def read_folds(role):
    """The first fold of a role."""
    return predictions().of(role)[:1]


def test_a_row_of_other_length_is_counted_out(tmp_path):
    (tmp_path / "predictions.csv").write_text(GOOD + "student,0,0,s2,a,0.75\n")
    with pytest.raises(RunError, match="6 cells, but the header has 7"):
        read_predictions(tmp_path / "predictions.csv")
