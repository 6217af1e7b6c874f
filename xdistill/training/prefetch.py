"""Preparing the next item while the one before is used."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

T = TypeVar("T")

_LOOK_AGAIN = 0.1  # seconds after which a thread that cannot hand over sees whether anybody still wants its item


def ahead(items: Iterable[T]) -> Generator[T, None, None]:
    """The same items in the same order, each prepared in a thread while the caller is busy with the one before.

    One item waits at most, so that no more than three are in memory: the caller's, the one that waits, and the one that
    is being prepared. Whatever the preparation raises is raised here. Close the generator to stop the thread.
    """
    waiting: queue.Queue[tuple[T] | BaseException | None] = queue.Queue(maxsize=1)
    unwanted = threading.Event()

    def hand_over(what: tuple[T] | BaseException | None) -> None:
        while not unwanted.is_set():
            try:
                waiting.put(what, timeout=_LOOK_AGAIN)
            except queue.Full:
                continue
            return

    def prepare() -> None:
        try:
            for item in items:
                hand_over((item,))
                if unwanted.is_set():
                    return
            hand_over(None)
        except BaseException as error:  # noqa: BLE001  # raised again by whoever waits
            hand_over(error)

    thread = threading.Thread(target=prepare, name="prefetch", daemon=True)
    thread.start()
    try:
        while (found := waiting.get()) is not None:
            if isinstance(found, BaseException):
                raise found
            yield found[0]
    finally:
        unwanted.set()
        thread.join()
