"""The metrics of a benchmark's tables: those of its file, or those of its task."""

from __future__ import annotations

from xdistill.bench.compare import metrics_of
from xdistill.bench.load import Benchmark
from xdistill.bench.records.record import Record
from xdistill.errors import UserError
from xdistill.tasks import Classification, Task

BINARY = ("sensitivity", "specificity", "ppv", "npv", "accuracy")  # shown of two classes, after the primary metric


def primary_of(benchmark: Benchmark, task: Task) -> str:
    """The metric that ranks: that of the file; if it names none, of another task than classification the task's own."""
    named = "primary" in benchmark.file.model_fields_set or task.kind == Classification.kind
    return benchmark.file.primary if named else task.primary


def shown_metrics(benchmark: Benchmark, record: Record) -> tuple[str, ...]:
    """The metrics of the tables, the primary first; of two classes others than of more, if the file names none."""
    file, task = benchmark.file, record.splits.task
    if task.kind != Classification.kind:
        return _of_task(benchmark, task)
    if "metrics" in file.model_fields_set or not (isinstance(task, Classification) and task.binary):
        return file.shown_metrics
    return (file.primary, *(metric for metric in BINARY if metric != file.primary))


def _of_task(benchmark: Benchmark, task: Task) -> tuple[str, ...]:
    """The metrics of another task than classification."""
    file, primary = benchmark.file, primary_of(benchmark, task)
    valid = metrics_of(task)
    named = file.metrics if "metrics" in file.model_fields_set else valid
    wrong = [metric for metric in (primary, *named) if metric not in valid]
    if wrong:
        raise UserError(
            f"{benchmark.path}: {wrong[0]!r} is not a metric of {task.describe()}; choose from {', '.join(valid)}"
        )
    return (primary, *(metric for metric in named if metric != primary))
