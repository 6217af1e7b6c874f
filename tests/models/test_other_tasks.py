"""What prediction returns and prints for tasks without classes."""

from types import SimpleNamespace

import numpy as np

from xdistill.cli.predict import _cells, _columns, _document
from xdistill.models.calibration import Intervals
from xdistill.models.stream import _rows
from xdistill.tasks import Regression, Survival


def model(task, intervals=None):
    return SimpleNamespace(
        schema=SimpleNamespace(task=task), intervals=intervals, calibration=None, members=(1, 2), classes=()
    )


def predicted(made, members, level):
    cohort = SimpleNamespace(subjects=("a", "b"))
    return list(_rows(made, cohort, np.array(members), level))


def test_a_regression_with_intervals():
    made = model(Regression(("age",)), Intervals.fit(np.array([[1.0], [-3.0], [2.0]]), ("age",), np.arange(3)))
    first, second = predicted(made, [[[10.0], [20.0]], [[12.0], [22.0]]], 0.5)  # two members, whose mean it is
    assert (first.probabilities, first.intervals) == ((11.0,), ((9.0, 13.0),))
    assert _columns(made) == ["subject", "predicted_age", "lower_age", "upper_age", "flags"]
    assert _cells(made, second) == ["b", "21.0", "19.0", "23.0", ""]
    assert _document(made, second)["intervals"] == {"age": [19.0, 23.0]}
    (row, _) = predicted(made, [[[10.0], [20.0]]], 0.9)  # too few subjects for this level
    assert _document(made, row)["intervals"] == {"age": [None, None]}


def test_survival():
    made = model(Survival("discrete", (1.0, 2.0)))
    (first, _) = predicted(made, [[[0.5, 0.9, 0.25], [0.1, 0.5, 0.5]]], 0.9)
    assert _columns(made) == ["subject", "risk", "survival_1.0", "survival_2.0", "flags"]
    assert _cells(made, first) == ["a", "0.5", "0.9", "0.25", ""]
    assert _document(made, first) == {
        "subject": "a",
        "predictions": {"risk": 0.5, "survival_1.0": 0.9, "survival_2.0": 0.25},
        "intervals": None,
        "flags": [],
    }
