"""What a kept worker runs: a job, in the working folder and with the variables of the test that sent it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import xdistill.crossval.fold  # noqa: F401 - here, while the worker starts
from xdistill.workers import resolve

MOVED = ("XDISTILL_CACHE",)  # read anew by each job; what a process reads when it starts is not among them


def here(target: str, payload: Any) -> tuple[str, dict[str, str | None], str, Any]:
    """A job with the working folder and the variables of this process."""
    return os.getcwd(), {name: os.environ.get(name) for name in MOVED}, target, payload  # noqa: PTH109 - a plain string


def run(moved: tuple[str, dict[str, str | None], str, Any]) -> Iterator[Any]:
    """Run a job where its driver is."""
    folder, variables, target, payload = moved
    os.chdir(folder)
    for name, value in variables.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    try:
        yield from resolve(target)(payload)
    finally:
        os.chdir("/")  # the folder may be removed while the worker is idle
