"""The driver's side: start workers, deal out tasks, collect what they say, end them."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
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
    lent: int = 0

    @property
    def gone(self) -> bool:
        return self.process.poll() is not None

    @property
    def stdin(self) -> BinaryIO:
        return cast("BinaryIO", self.process.stdin)

    @property
    def stdout(self) -> BinaryIO:
        return cast("BinaryIO", self.process.stdout)


SILENCE = 1.0  # seconds without a message after which workers are looked after

Inbox: TypeAlias = "queue.Queue[tuple[_Worker, str, Any]]"


def run_tasks(
    target: str,
    payloads: Sequence[Any],
    *,
    workers: int,
    environment: Sequence[Mapping[str, str]] = (),
    threads: int = 1,
    cores: int = 0,
) -> Iterator[Message]:
    """Run ``target(payload)``, a generator function, for every payload in at most ``workers`` processes.

    A worker that dies ends its task with ``died`` and is replaced. Closing the iterator ends all workers.

    Args:
        target: ``module:function``, importable in the worker.
        payloads: one task each; anything that can be pickled.
        workers: number of processes.
        environment: variables to set in each worker, by its rank; fewer entries than workers are repeated.
        threads: that each worker computes with.
        cores: that they may use together. What is left of them when there are fewer workers than there is room for is
            lent to those that are at work; see `lent_cores`.

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
            _lend(pool, threads, cores)
            worker, kind, value = _next(inbox, pool)
            if pool.get(worker.rank) is not worker:
                continue  # the farewell of a worker that was ended here
            task = worker.task
            ended = kind in {"done", "failed"}
            if kind == "died" or (ended and (worker.gone or not _deal(worker, pending, payloads))):
                _end(pool.pop(worker.rank))
                if pending:
                    start(worker.rank)
            yield Message(task, kind, value)
    finally:
        for worker in pool.values():
            _end(worker)


class Team:
    """Worker processes that do every piece of work together, each its part of it.

    Args:
        target: ``module:function``, importable in the workers.
        environment: variables to set in each worker; as many workers as entries.
    """

    def __init__(self, target: str, environment: Sequence[Mapping[str, str]]) -> None:
        self._inbox: Inbox = queue.Queue()
        self._pool = {rank: _start(target, extra, rank, self._inbox) for rank, extra in enumerate(environment)}
        self._whole = True

    @property
    def fit(self) -> bool:
        """Whether all are there to do another piece of work."""
        return self._whole and not any(worker.gone for worker in self._pool.values())

    def run(self, payloads: Sequence[Any]) -> Generator[Message, None, None]:
        """Run ``target(payload)`` in every worker, one payload each, until all are done.

        After one that fails or dies, or where the iterator is closed, all are ended and the team is not `fit`.

        Yields:
            Messages as of `run_tasks`; ``task`` is the place of the worker. The last of one that fails or dies may be
            followed by others', since they may have waited for it.
        """
        busy = set(self._pool)
        try:
            for worker, payload in zip(self._pool.values(), payloads, strict=True):
                _give(worker, worker.rank, payload)
            while busy:
                worker, kind, value = _next(self._inbox, self._pool)
                if self._pool.get(worker.rank) is not worker:
                    continue  # the farewell of a worker that was ended here
                if kind != "event":
                    busy.discard(worker.rank)
                if kind in {"failed", "died"}:
                    self._whole = False
                    _end(self._pool.pop(worker.rank))  # those who wait for it notice
                yield Message(worker.task, kind, value)
        finally:
            if busy or not self._whole:
                self.close()

    def close(self) -> None:
        """End all workers."""
        self._whole = False
        while self._pool:
            _end(self._pool.popitem()[1])


def _next(inbox: Inbox, pool: Mapping[int, _Worker]) -> tuple[_Worker, str, Any]:
    """What a worker says next, or the death of one that can say nothing any more.

    A process that a worker forked keeps the worker's pipe open beyond the worker's end.
    """
    while True:
        try:
            return inbox.get(timeout=SILENCE)
        except queue.Empty:
            for worker in pool.values():
                if worker.gone:
                    return worker, "died", worker.process.returncode


def _start(target: str, extra: Mapping[str, str], rank: int, inbox: Inbox) -> _Worker:
    paths = os.pathsep.join(str(Path(path).absolute()) for path in sys.path)
    with ExitStack() as interrupted:
        with _interrupts_held_back():
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                # With -P a file in the working directory that is named as a module is not taken for it.
                [sys.executable, "-P", "-m", "xdistill.workers", target],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": paths, **extra},
            )
            interrupted.callback(process.kill)
        interrupted.pop_all()
    worker = _Worker(rank, process)
    threading.Thread(target=_listen, args=(worker, inbox), daemon=True).start()
    return worker


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """A process that is started meanwhile hears of Ctrl-C once it can ignore it, and not before."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _listen(worker: _Worker, inbox: Inbox) -> None:
    with worker.stdout:
        while True:
            try:
                kind, value = read_message(worker.stdout)
            except EOFError:
                inbox.put((worker, "died", worker.process.wait()))
                return
            except Exception as error:  # noqa: BLE001 - unpickling can run into anything
                worker.process.kill()
                worker.process.wait()
                inbox.put((worker, "failed", RuntimeError(f"a worker's message cannot be read: {error!r}")))
                return
            inbox.put((worker, kind, value))


def _deal(worker: _Worker, pending: deque[int], payloads: Sequence[Any]) -> bool:
    """Give the worker its next task; False when there is none."""
    if not pending:
        return False
    task = pending.popleft()
    _give(worker, task, payloads[task])
    return True


def _give(worker: _Worker, task: int, payload: Any) -> None:
    worker.task, worker.lent = task, 0
    _tell(worker, "task", payload)


def _tell(worker: _Worker, kind: str, value: Any) -> None:
    with suppress(BrokenPipeError):  # it died meanwhile: its listener says so
        write_message(worker.stdin, (kind, value))


def _lend(pool: Mapping[int, _Worker], threads: int, cores: int) -> None:
    """Tell each worker, where that has changed, how many cores it may use that none of them needs for its threads."""
    share, rest = divmod(max(0, cores - threads * len(pool)), len(pool))
    for place, worker in enumerate(pool.values()):
        lent = share + (place < rest)
        if worker.lent != lent:
            worker.lent = lent
            _tell(worker, "lent", lent)


def _end(worker: _Worker) -> None:
    """End a worker for good: what counts is on disk, written so that a sudden end does no harm."""
    worker.process.kill()
    worker.process.wait()
    with suppress(BrokenPipeError):
        worker.stdin.close()
