"""What a kept worker runs: a fold, in the working folder and with the variables of the test that sent it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from xdistill.crossval.fold import run_fold as _run_fold

MOVED = ("XDISTILL_CACHE",)  # read anew by each fold; what a process reads when it starts is not among them


def here(payload: Any) -> tuple[str, dict[str, str | None], Any]:
    """The payload with the working folder and the variables of this process."""
    return os.getcwd(), {name: os.environ.get(name) for name in MOVED}, payload  # noqa: PTH109 - a plain string


def run_fold(moved: tuple[str, dict[str, str | None], Any]) -> Iterator[Any]:
    """Run a fold where its driver is."""
    folder, variables, payload = moved
    os.chdir(folder)
    for name, value in variables.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    try:
        yield from _run_fold(payload)
    finally:
        os.chdir("/")  # the folder may be removed while the worker is idle
