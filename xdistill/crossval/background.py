"""Turns a function that reports progress into a generator of events."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator
from typing import Any, TypeVar

T = TypeVar("T")
E = TypeVar("E")

Report = Callable[[int, int], None]
PATIENCE = 5.0  # seconds that an abandoned function gets to clean up


class AbandonedError(Exception):
    """Raised inside the function, by its next report, after the generator was closed."""


def with_progress(function: Callable[[Report], T], event: Callable[[int, int], E]) -> Generator[E, None, T]:
    """Run ``function(report)`` in a thread and yield ``event(done, total)`` for each report.

    When the generator is closed or interrupted, the function's next report raises, so that it can clean up.

    Returns:
        What the function returned; its exceptions are raised here.
    """
    inbox: queue.Queue[tuple[str, Any]] = queue.Queue()
    abandoned = threading.Event()

    def report(done: int, total: int) -> None:
        if abandoned.is_set():
            raise AbandonedError
        inbox.put(("progress", (done, total)))

    def work() -> None:
        try:
            inbox.put(("result", function(report)))
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            inbox.put(("error", error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            kind, value = inbox.get()
            if kind == "progress":
                yield event(*value)
            elif kind == "error":
                raise value
            else:
                result: T = value
                return result
    finally:
        abandoned.set()
        thread.join(timeout=PATIENCE)
