"""Turning a function that reports progress into a generator that yields it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator
from typing import Any, TypeVar

T = TypeVar("T")
E = TypeVar("E")

Report = Callable[[int, int], None]


def with_progress(function: Callable[[Report], T], event: Callable[[int, int], E]) -> Generator[E, None, T]:
    """Run ``function(report)`` in a thread and yield ``event(done, total)`` for each report.

    Returns:
        What the function returned; its exceptions are raised here.
    """
    inbox: queue.Queue[tuple[str, Any]] = queue.Queue()

    def work() -> None:
        try:
            inbox.put(("result", function(lambda done, total: inbox.put(("progress", (done, total))))))
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
            inbox.put(("error", error))

    threading.Thread(target=work, daemon=True).start()
    while True:
        kind, value = inbox.get()
        if kind == "progress":
            yield event(*value)
        elif kind == "error":
            raise value
        else:
            result: T = value
            return result
