"""The driver's side: start workers, assign tasks, collect messages, end the workers."""

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
    """One message of a task.

    Attributes:
        task: index of the task.
        kind: ``event`` (it yielded ``value``), ``done``, ``failed`` (``value`` is the error) or ``died`` (``value`` is
            the worker's exit status, negative for a signal).
        value: see ``kind``.
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
    def gone(self) -> bool:
        return self.process.poll() is not None

    @property
    def stdin(self) -> BinaryIO:
        return cast("BinaryIO", self.process.stdin)

    @property
    def stdout(self) -> BinaryIO:
        return cast("BinaryIO", self.process.stdout)


SILENCE = 1.0  # seconds without a message after which the driver checks that all workers are alive

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
        payloads: one per task; anything that can be pickled.
        workers: number of processes.
        environment: variables to set in each worker, by rank; if there are fewer entries than workers, they repeat.

    Yields:
        Messages in the order in which they arrive; each task's last one is ``done``, ``failed`` or ``died``.
    """
    pending = deque(range(len(payloads)))
    inbox: Inbox = queue.Queue()
    pool: dict[int, _Worker] = {}

    def start(rank: int) -> None:
        pool[rank] = _start(target, environment[rank % len(environment)] if environment else {}, rank, inbox)
        _assign(pool[rank], pending, payloads)

    try:
        for rank in range(min(workers, len(payloads))):
            start(rank)
        while pool:
            worker, kind, value = _next(inbox, pool)
            if pool.get(worker.rank) is not worker:
                continue  # the last message of a worker that was ended here
            task = worker.task
            ended = kind in {"done", "failed"}
            if kind == "died" or (ended and (worker.gone or not _assign(worker, pending, payloads))):
                _end(pool.pop(worker.rank))
                if pending:
                    start(worker.rank)
            yield Message(task, kind, value)
    finally:
        for worker in pool.values():
            _end(worker)


class Team:
    """Worker processes that run every task together, each a part of it.

    Args:
        target: ``module:function``, importable in the workers.
        environment: variables to set in each worker; there are as many workers as entries.
    """

    def __init__(self, target: str, environment: Sequence[Mapping[str, str]]) -> None:
        self._inbox: Inbox = queue.Queue()
        self._pool = {rank: _start(target, extra, rank, self._inbox) for rank, extra in enumerate(environment)}
        self._whole = True

    @property
    def fit(self) -> bool:
        """Whether all workers are alive and can run another task."""
        return self._whole and not any(worker.gone for worker in self._pool.values())

    def run(self, payloads: Sequence[Any]) -> Generator[Message, None, None]:
        """Run ``target(payload)`` in every worker, one payload each, until all are done.

        If one fails or dies, or if the iterator is closed, all workers are ended and the team is no longer `fit`.

        Yields:
            Messages as of `run_tasks`; ``task`` is the rank of the worker. Messages of other workers may follow the
            last one of a worker that failed or died.
        """
        busy = set(self._pool)
        try:
            for worker, payload in zip(self._pool.values(), payloads, strict=True):
                _send(worker, worker.rank, payload)
            while busy:
                worker, kind, value = _next(self._inbox, self._pool)
                if self._pool.get(worker.rank) is not worker:
                    continue  # the last message of a worker that was ended here
                if kind != "event":
                    busy.discard(worker.rank)
                if kind in {"failed", "died"}:
                    self._whole = False
                    _end(self._pool.pop(worker.rank))  # those that wait for it get an error
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
    """The next message of any worker, or the death of one.

    Workers are polled too: a process that a worker forked keeps the worker's pipe open after the worker's end.
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
        with _interrupts_blocked():
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                # With -P a file in the working directory does not shadow a module of the same name.
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
def _interrupts_blocked() -> Iterator[None]:
    """Block SIGINT in processes that are started meanwhile, until they can ignore it."""
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
            except Exception as error:  # noqa: BLE001 - unpickling can raise anything
                worker.process.kill()
                worker.process.wait()
                inbox.put((worker, "failed", RuntimeError(f"a worker's message cannot be read: {error!r}")))
                return
            inbox.put((worker, kind, value))


def _assign(worker: _Worker, pending: deque[int], payloads: Sequence[Any]) -> bool:
    """Send the worker its next task; False if there is none."""
    if not pending:
        return False
    task = pending.popleft()
    _send(worker, task, payloads[task])
    return True


def _send(worker: _Worker, task: int, payload: Any) -> None:
    worker.task = task
    with suppress(BrokenPipeError):  # it has died, which its listener reports
        write_message(worker.stdin, payload)


def _end(worker: _Worker) -> None:
    """Kill a worker; tasks write their files such that this does no harm."""
    worker.process.kill()
    worker.process.wait()
    with suppress(BrokenPipeError):
        worker.stdin.close()
