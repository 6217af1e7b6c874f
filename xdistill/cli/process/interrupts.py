"""Ctrl-C, pressed once or five times: the command cleans up, says one sentence and ends."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

PATIENCE: Final = 5.0  # seconds of cleaning up, after which another Ctrl-C ends the process at once


@contextmanager
def interrupted_once() -> Iterator[None]:
    """Raise KeyboardInterrupt at the first Ctrl-C alone; later ones would break off what cleans up after the first."""
    if threading.current_thread() is not threading.main_thread() or (
        signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield
        return
    first: list[float] = []

    def stop(_number: int, _frame: Any) -> None:
        if not first:
            first.append(time.monotonic())
            raise KeyboardInterrupt
        if time.monotonic() - first[0] > PATIENCE:
            os._exit(130)

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        # After a Ctrl-C the process is about to end, and has its exit code. Others may go on, and start processes.
        signal.signal(signal.SIGINT, signal.SIG_IGN if first else signal.default_int_handler)
