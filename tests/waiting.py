"""Waiting for what happens elsewhere: until it is so, or far beyond what the slowest machine needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

LONG = 240.0  # seconds: nobody waits that long where all is well, and a test may take nine hundred


def until(condition: Callable[[], object], what: str, seconds: float = LONG) -> None:
    """Wait until something is so.

    Args:
        condition: whether it is; asked again and again.
        what: it is, for the message.
        seconds: to wait at most.

    Raises:
        TimeoutError: when it is not so by then.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} seconds in vain for this: {what}")
        time.sleep(0.02)


def alive(process: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has asked for its status yet does not."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def until_ended(processes: Iterable[int]) -> None:
    """Wait until none of these processes runs any more."""
    processes = list(processes)
    until(lambda: not any(map(alive, processes)), f"the end of the processes {processes}")
