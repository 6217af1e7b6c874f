"""Tasks from what files and callers give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from xdistill.tasks.classification import SCORES, Classification
from xdistill.tasks.multi_label import SCORES as MULTI_LABEL
from xdistill.tasks.ordinal import SCORES as ORDINAL
from xdistill.tasks.regression import SCORES as REGRESSION
from xdistill.tasks.score import Score
from xdistill.tasks.survival import SCORES as SURVIVAL
from xdistill.tasks.task import Task


def known_scores() -> dict[str, Score]:
    """The metrics of all tasks that xdistill has, by name; titles are those of many classes, and units are left out."""
    return {score.name: score for score in (*MULTI_LABEL, *REGRESSION, *SURVIVAL, *ORDINAL, *SCORES)}


def as_task(task: Task | Sequence[str]) -> Task:
    """The task itself; class names stand for classification."""
    return task if isinstance(task, Task) else Classification(tuple(task))


def read_task(data: Mapping[str, Any]) -> Task:
    """The task of a schema or of the cohort in a record, from what `Task.entries` wrote.

    Raises:
        KeyError: if it holds no task.
        ValueError: for a kind of task that does not exist.
    """
    if "task" not in data:
        return Classification(tuple(map(str, data["classes"])))
    known = {task.kind: task for task in _subclasses(Task)}
    kind = data["task"]["kind"]
    if kind not in known:
        raise ValueError(f"unknown task {kind!r}; valid tasks: {', '.join(sorted(known))}")
    return known[kind].from_json(data["task"])


def _subclasses(task: type[Task]) -> Iterator[type[Task]]:
    for child in task.__subclasses__():
        yield child
        yield from _subclasses(child)
