"""A clock that jumps: the wall clock of a process goes forth and back by a given number of seconds."""

from __future__ import annotations

import itertools
import time


def shift_clock(seconds: float) -> None:
    """Let ``time.time`` and ``time.time_ns`` of this process, and of those that it forks, jump at each third call.

    ``time.monotonic`` stays as it is, as the operating system promises.
    """
    right, calls = time.time_ns, itertools.count()

    def shifted() -> int:
        return right() + int(seconds * 1e9) * ((next(calls) // 3) % 2)

    time.time_ns = shifted
    time.time = lambda: shifted() / 1e9
