"""The task of survival, with both methods, passes the suite of tasks."""

from xdistill.targets.survival import ReadSurvival
from xdistill.testing import TaskReaderConformance

LABELS = {
    "label": ["x"] * 8,
    "days": ["1", "2.5", "3", "4", "5", "6", "7", "8"],
    "died": ["1", "0", "yes", "no", "True", "1.0", "0", "1"],
}


class TestCox(TaskReaderConformance):
    component = ReadSurvival
    settings = {"time": "days", "event": "died"}
    labels = LABELS
    refused = {**LABELS, "days": ["0", *LABELS["days"][1:]]}


class TestDiscrete(TaskReaderConformance):
    component = ReadSurvival
    settings = {"time": "days", "event": "died", "method": "discrete", "bins": 3, "unit": "days"}
    labels = LABELS
    refused = {**LABELS, "died": ["dead", *LABELS["died"][1:]]}
