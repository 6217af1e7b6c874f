"""Jobs on a Ray cluster; needs the package ray, which `pip install 'xdistill[ray]'` brings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdistill.plugin import hookimpl

if TYPE_CHECKING:
    from xdistill.interfaces import Executor

XDISTILL_API = 1


@hookimpl
def xdistill_executors() -> list[type[Executor]]:
    """Ray."""
    from xdistill_ray.executor import RayExecutor

    return [RayExecutor]
