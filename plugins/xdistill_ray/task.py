"""What runs in Ray's workers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from xdistill.interfaces.executor import Job
from xdistill.plugin.importing import DISABLE_VARIABLE, FILES_VARIABLE, SECONDS_VARIABLE
from xdistill.version import __version__
from xdistill.workers import worker_environment

Task = Callable[[str, Any, Mapping[str, str]], Iterator[tuple[str, Any]]]


def driver() -> dict[str, str]:
    """What a worker needs to know about the driver before it imports anything."""
    return {"xdistill": __version__, "folder": os.getcwd()}  # noqa: PTH109 - a plain string travels


def environment(job: Job) -> dict[str, str]:
    """Environment variables of the worker of a job; Ray sets the one that selects its GPU."""
    passed_on = (FILES_VARIABLE, DISABLE_VARIABLE, SECONDS_VARIABLE)
    return {
        **{name: os.environ[name] for name in passed_on if os.environ.get(name)},
        **worker_environment(0, job.cpus),
    }


def make_task() -> Task:
    """The function that workers run.

    It refers to nothing outside of itself, so that Ray sends it completely: a worker without this package, or without
    xdistill, can then report that.
    """

    def work(target: str, payload: Any, driver: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
        """Yield ``event``, ``done`` and ``failed`` with their values; ``unfit`` if this worker cannot run the job."""
        import os
        import platform
        import sys
        from pathlib import Path

        # Ray puts the driver's folder first, where a file could shadow a module of the same name.
        sys.path.sort(key=lambda entry: entry == driver["folder"])
        try:
            from xdistill.version import __version__ as here
            from xdistill.workers import resolve, run_task
        except ImportError as error:
            yield (
                "unfit",
                (
                    f"the Ray worker on {platform.node()} cannot import xdistill ({error}); the driver has "
                    f"{driver['xdistill']}; install xdistill[ray]=={driver['xdistill']} there"
                ),
            )
            return
        if here != driver["xdistill"]:
            yield (
                "unfit",
                (
                    f"the Ray worker on {platform.node()} has xdistill {here}, but the driver has "
                    f"{driver['xdistill']}; install the same version on all machines"
                ),
            )
            return
        if Path(driver["folder"]).is_dir():
            os.chdir(driver["folder"])  # paths in recipes are relative to the driver's folder
        yield from run_task(lambda: resolve(target)(payload))

    return work
