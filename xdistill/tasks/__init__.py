"""Tasks: what is predicted, and all that depends on it."""

from xdistill.tasks.classification import Classification
from xdistill.tasks.files import as_task, read_task
from xdistill.tasks.task import Score, Target, Task

__all__ = ["Classification", "Score", "Target", "Task", "as_task", "read_task"]
