"""The core's own plugin: the executor ``local`` and the tasks. Found through the entry point group like any other."""

from __future__ import annotations

from xdistill.interfaces.executor import Executor
from xdistill.interfaces.labels import TaskReader
from xdistill.plugin import hookimpl


@hookimpl
def xdistill_executors() -> list[type[Executor]]:
    """Worker processes on this machine."""
    from xdistill.distributed.local import LocalExecutor

    return [LocalExecutor]


@hookimpl
def xdistill_tasks() -> list[type[TaskReader]]:
    """What can be predicted."""
    from xdistill.targets.classification import ReadClassification
    from xdistill.targets.multi_label import ReadMultiLabel
    from xdistill.targets.ordinal import ReadOrdinal
    from xdistill.targets.regression import ReadRegression
    from xdistill.targets.survival import ReadSurvival

    return [ReadClassification, ReadMultiLabel, ReadOrdinal, ReadRegression, ReadSurvival]
