"""The core's own plugin: the executor ``local``. Found through the entry point group like any other."""

from __future__ import annotations

from xdistill.interfaces.executor import Executor
from xdistill.plugin import hookimpl


@hookimpl
def xdistill_executors() -> list[type[Executor]]:
    """Worker processes on this machine."""
    from xdistill.distributed.local import LocalExecutor

    return [LocalExecutor]
