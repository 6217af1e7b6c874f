"""Preparing the next item in a thread while the current one is used. A DataLoader would need a process for it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

T = TypeVar("T")

_POLL = 0.1  # seconds after which a blocked thread checks whether its item is still wanted


def prefetch(items: Iterable[T]) -> Generator[T, None, None]:
    """The same items in the same order, each prepared in a thread while the caller works on the previous one.

    At most three items are in memory: the caller's, one that waits, and one that is being prepared. Errors of the
    preparation are raised here. Close the generator to stop the thread.
    """
    waiting: queue.Queue[tuple[T] | BaseException | None] = queue.Queue(maxsize=1)
    stopped = threading.Event()

    def put(item: tuple[T] | BaseException | None) -> None:
        while not stopped.is_set():
            try:
                waiting.put(item, timeout=_POLL)
            except queue.Full:
                continue
            return

    def prepare() -> None:
        try:
            for item in items:
                put((item,))
                if stopped.is_set():
                    return
            put(None)
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            put(error)

    thread = threading.Thread(target=prepare, name="prefetch", daemon=True)
    thread.start()
    try:
        while (found := waiting.get()) is not None:
            if isinstance(found, BaseException):
                raise found
            yield found[0]
    finally:
        stopped.set()
        thread.join()
