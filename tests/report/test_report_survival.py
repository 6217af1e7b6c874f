"""Risk groups and their Kaplan-Meier curves."""

from types import SimpleNamespace

import numpy as np

from xdistill.report.tasks.survival import risk_groups, survival_sections
from xdistill.stats import FoldPredictions, Predictions
from xdistill.tasks import Survival

TASK = Survival("discrete", (2.0, 4.0), "<days>")


def fold(number, risks, *, repeat=0, role="student"):
    subjects = tuple(f"s{number}-{place}" for place in range(len(risks)))
    target = np.array([[1.0 + place, place % 2] for place in range(len(risks))])
    predictions = np.column_stack([risks, np.full(len(risks), 0.8), np.full(len(risks), 0.5)])
    return FoldPredictions(role, repeat, number, subjects, target, predictions)


def run_of(*folds):
    record = {"privileged": ["genes"], "recipe": {"name": "toy"}, "networks": {}}
    return SimpleNamespace(task=TASK, predictions=Predictions(TASK, folds), record=record, metrics={"student": {}})


def test_risks_are_ranked_within_their_fold():
    # The second fold's risks are on another scale; a second repeat is left out.
    run = run_of(fold(0, [0.1, 0.2, 0.3]), fold(1, [30.0, 10.0, 20.0]), fold(0, [9.0, 8.0, 7.0], repeat=1))
    low, middle, high = risk_groups(run, "student")
    assert [low.predictions[:, 0].tolist(), high.predictions[:, 0].tolist()] == [[0.1, 10], [0.3, 30]]
    assert middle.target.tolist() == [[2, 1], [3, 0]]
    # Equal risks are in one group.
    assert [group.name for group in risk_groups(run_of(fold(0, [1.0] * 5)), "student")] == ["low"]


def test_the_section():
    (section,) = survival_sections(run_of(fold(0, [0.1, 0.2, 0.3]), fold(1, [30.0, 10.0, 20.0])))
    # At high risk: events never (time 3, censored; time 1, censored). At middle risk one event at 2, before 3.
    assert [row[1:3] for row in section.rows] == [("2", "1"), ("2", "1"), ("2", "0")]
    assert section.rows[1][3] == "50.0"
    assert section.heads[3] == "Without an event after 2 <days>, %"
    assert "&lt;days&gt;" in section.charts[0]
    assert "Events: student: 1 of 2 at low risk" in section.charts[0]
