"""What the core itself offers: the local executor. Found through the entry-point group like any plugin."""

from __future__ import annotations

from xdistill.interfaces.executor import Executor
from xdistill.plugin import hookimpl


@hookimpl
def xdistill_executors() -> list[type[Executor]]:
    """Worker processes on this machine."""
    from xdistill.distributed.local import LocalExecutor

    return [LocalExecutor]
