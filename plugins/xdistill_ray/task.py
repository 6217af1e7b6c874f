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
    """What a worker has to know of the driver before it imports anything."""
    return {"xdistill": __version__, "folder": os.getcwd()}  # noqa: PTH109 - a plain string travels


def environment(job: Job) -> dict[str, str]:
    """Variables of the worker process of a job; which GPU is its own, Ray says in a variable of the system."""
    passed_on = (FILES_VARIABLE, DISABLE_VARIABLE, SECONDS_VARIABLE)
    return {
        **{name: os.environ[name] for name in passed_on if os.environ.get(name)},
        **worker_environment(0, job.cpus),
    }


def make_task() -> Task:
    """The function that workers run.

    It is made anew, and names nothing outside of itself, so that it is sent whole: a worker without this package, or
    without xdistill, can then say so.
    """

    def work(target: str, payload: Any, driver: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
        """Yield ``event``, ``done`` and ``failed`` with their values; ``unfit`` when this worker cannot do the job."""
        import os
        import platform
        import sys
        from pathlib import Path

        # Ray puts the driver's folder first, where a file that is named as a module would be taken for it.
        sys.path.sort(key=lambda entry: entry == driver["folder"])
        try:
            from xdistill.version import __version__ as here
            from xdistill.workers import resolve, run_task
        except ImportError as error:
            yield (
                "unfit",
                (
                    f"the Ray worker on {platform.node()} cannot import xdistill ({error}), and the driver has "
                    f"{driver['xdistill']}; install xdistill[ray]=={driver['xdistill']} there"
                ),
            )
            return
        if here != driver["xdistill"]:
            yield (
                "unfit",
                (
                    f"the Ray worker on {platform.node()} has xdistill {here}, and the driver {driver['xdistill']}; "
                    f"install the same version on all machines"
                ),
            )
            return
        if Path(driver["folder"]).is_dir():
            os.chdir(driver["folder"])  # a recipe's paths are relative to where the command was given
        yield from run_task(lambda: resolve(target)(payload))

    return work
