"""The driver's side: start workers, deal out tasks, collect what they say, end them."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeAlias, cast

from xdistill.workers.wire import read_message, write_message


@dataclass(frozen=True)
class Message:
    """Something a task said.

    Attributes:
        task: index of the task.
        kind: ``event`` (``value`` was yielded), ``done``, ``failed`` (``value`` is the error) or ``died``
            (``value`` is the worker's exit status, negative for a signal).
        value: see kind.
    """

    task: int
    kind: str
    value: Any = None


@dataclass(eq=False)
class _Worker:
    rank: int
    process: subprocess.Popen[bytes]
    task: int = -1

    @property
    def stdin(self) -> BinaryIO:
        return cast("BinaryIO", self.process.stdin)

    @property
    def stdout(self) -> BinaryIO:
        return cast("BinaryIO", self.process.stdout)


Inbox: TypeAlias = "queue.Queue[tuple[_Worker, str, Any]]"


def run_tasks(
    target: str,
    payloads: Sequence[Any],
    *,
    workers: int,
    environment: Sequence[Mapping[str, str]] = (),
) -> Iterator[Message]:
    """Run ``target(payload)``, a generator function, for every payload in at most ``workers`` processes.

    A worker that dies ends its task with ``died`` and is replaced. Closing the iterator ends all workers.

    Args:
        target: ``module:function``, importable in the worker.
        payloads: one task each; anything that can be pickled.
        workers: number of processes.
        environment: variables to set in each worker, by its rank; fewer entries than workers are repeated.

    Yields:
        Messages in the order in which they arrive; each task's last one is ``done``, ``failed`` or ``died``.
    """
    pending = deque(range(len(payloads)))
    inbox: Inbox = queue.Queue()
    pool: dict[int, _Worker] = {}

    def start(rank: int) -> None:
        pool[rank] = _start(target, environment[rank % len(environment)] if environment else {}, rank, inbox)
        _deal(pool[rank], pending, payloads)

    try:
        for rank in range(min(workers, len(payloads))):
            start(rank)
        while pool:
            worker, kind, value = inbox.get()
            if pool.get(worker.rank) is not worker:
                continue  # the farewell of a worker that was ended here
            task = worker.task
            if kind == "died" or (kind in {"done", "failed"} and not _deal(worker, pending, payloads)):
                _end(pool.pop(worker.rank))
                if pending:
                    start(worker.rank)
            yield Message(task, kind, value)
    finally:
        for worker in pool.values():
            _end(worker)


def _start(target: str, extra: Mapping[str, str], rank: int, inbox: Inbox) -> _Worker:
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "xdistill.workers", target],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **extra},
    )
    worker = _Worker(rank, process)
    threading.Thread(target=_listen, args=(worker, inbox), daemon=True).start()
    return worker


def _listen(worker: _Worker, inbox: Inbox) -> None:
    with worker.stdout:
        while True:
            try:
                kind, value = read_message(worker.stdout)
            except EOFError:
                inbox.put((worker, "died", worker.process.wait()))
                return
            inbox.put((worker, kind, value))


def _deal(worker: _Worker, pending: deque[int], payloads: Sequence[Any]) -> bool:
    """Give the worker its next task; False when there is none."""
    if not pending:
        return False
    worker.task = pending.popleft()
    with suppress(BrokenPipeError):  # it died meanwhile: its listener says so
        write_message(worker.stdin, payloads[worker.task])
    return True


def _end(worker: _Worker) -> None:
    """End a worker for good: what counts is on disk, written so that a sudden end does no harm."""
    worker.process.kill()
    worker.process.wait()
    with suppress(BrokenPipeError):
        worker.stdin.close()
