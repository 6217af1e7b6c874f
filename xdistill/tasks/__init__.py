"""Tasks: what is predicted, and all that depends on it."""

from xdistill.tasks.classification import Classification
from xdistill.tasks.files import as_task, known_scores, read_task
from xdistill.tasks.multi_label import MultiLabel
from xdistill.tasks.ordinal import Ordinal
from xdistill.tasks.regression import Regression
from xdistill.tasks.score import Score
from xdistill.tasks.survival import Survival
from xdistill.tasks.task import Target, Task

__all__ = [
    "Classification",
    "MultiLabel",
    "Ordinal",
    "Regression",
    "Score",
    "Survival",
    "Target",
    "Task",
    "as_task",
    "known_scores",
    "read_task",
]
