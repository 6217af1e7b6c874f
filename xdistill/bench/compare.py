"""Two methods against each other, outside of any table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdistill.bench.records.record import Record, method
from xdistill.errors import UserError
from xdistill.stats import Row, compare
from xdistill.stats.resampled import RESAMPLED_ALL
from xdistill.tasks import Classification, Task

METRICS = ("auc_ovo", "f1_macro", "accuracy")
BINARY = ("auc_ovo", "sensitivity", "specificity", "ppv", "npv", "accuracy")


def metrics_of(task: Task) -> tuple[str, ...]:
    """The metrics by which methods of a task are compared, the one that ranks first."""
    if task.kind == Classification.kind:
        return BINARY if isinstance(task, Classification) and task.binary else METRICS
    others = (name for name in task.table if name in RESAMPLED_ALL and name != task.primary)
    return (task.primary, *others)


@dataclass(frozen=True)
class Side:
    """One of the two.

    Attributes:
        name: what it is called.
        records: one per seed.
        role: whose predictions are compared.
    """

    name: str
    records: tuple[Record, ...]
    role: str = "student"


def compare_two(first: Side, second: Side, metrics: Sequence[str] | None = None) -> tuple[tuple[Row, Row], ...]:
    """The first and the second by each metric; the first one's row holds the difference, first minus second.

    Args:
        first: one method.
        second: what it is compared with.
        metrics: names; None: those of the task.

    Raises:
        UserError: when they cannot be compared; names both and what differs.
    """
    if first.name == second.name:
        raise UserError(f"{first.name!r} cannot be compared with itself")
    task = first.records[0].splits.task
    if metrics is None:
        metrics = metrics_of(task)
    rows = compare(
        [method(side.name, side.records, side.role) for side in (first, second)],
        reference=second.name,
        metrics=metrics,
        patients=first.records[0].splits.patient_of,
    )
    return tuple((rows[metric][0], rows[metric][1]) for metric in metrics)
