"""Worker processes that tests share: starting one takes three seconds of imports, and a tiny fold a tenth of one.

The pool starts them, and they run one task after another as in a single run. They end later, and are reused only where
the next test would start the same process: with equal variables and paths. Each task takes them to the working
folder of its test.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from moved_worker import MOVED, here
from xdistill.workers import pool

MOST = 3  # idle workers; each takes half a gigabyte
KEPT = {  # they assemble everything for each job; others may leave state behind
    "xdistill.crossval.fold:run_fold",
    "xdistill.bench.fresh.job:work",
    "xdistill.tuning.search.worker:run_trials",
}
MOVING = "moved_worker:run"  # any of these, in the folder of its driver
CHANGING = {"PYTEST_CURRENT_TEST", *MOVED}  # names the running test; no worker reads it, or a task sets it


class _Line:
    """Passes the messages of a worker to the inbox of its present user."""

    def __init__(self, kind_of_worker: tuple[Any, ...], inbox: Any, target: str) -> None:
        self.kind_of_worker = kind_of_worker
        self.target = target
        self.inbox = inbox
        self.idle = False

    def put(self, message: tuple[Any, str, Any]) -> None:
        self.idle = message[1] == "done"
        self.inbox.put(message)


class KeptWorkers:
    """Starts and ends workers in place of the pool's own functions."""

    def __init__(self) -> None:
        self.start, self.send, self.end = pool._start, pool._send, pool._end
        self.lines: dict[pool._Worker, _Line] = {}
        self.kept: list[pool._Worker] = []
        self.process = os.getpid()  # a fork of this process has none of its workers

    def started(self, target: str, extra: Mapping[str, str], rank: int, inbox: Any) -> pool._Worker:
        """A worker that was kept, or a new one."""
        if target not in KEPT or os.getpid() != self.process:
            return self.start(target, extra, rank, inbox)
        kind = _kind(extra)
        for worker in self.kept:
            if self.lines[worker].kind_of_worker == kind and not worker.gone:
                self.kept.remove(worker)
                worker.rank, self.lines[worker].inbox, self.lines[worker].target = rank, inbox, target
                return worker
        line = _Line(kind, inbox, target)
        worker = self.start(MOVING, extra, rank, line)  # type: ignore[arg-type] # a queue of which only put is used
        self.lines[worker] = line
        return worker

    def sent(self, worker: pool._Worker, task: int, payload: Any) -> None:
        """Send a worker a task; it is busy from now on."""
        if worker in self.lines:
            self.lines[worker].idle = False
            payload = here(self.lines[worker].target, payload)
        self.send(worker, task, payload)

    def ended(self, worker: pool._Worker) -> None:
        """Keep a worker that finished its task; end any other, and the oldest if there are too many."""
        line = self.lines.get(worker)
        if line is not None and line.idle and not worker.gone:
            self.kept.append(worker)
            worker = self.kept.pop(0) if len(self.kept) > MOST else None
        if worker is not None:
            self.lines.pop(worker, None)
            self.end(worker)

    @contextmanager
    def standing_in(self) -> Iterator[None]:
        """Within this context, tests share workers."""
        with _replaced(self.started, self.sent, self.ended):
            yield

    @contextmanager
    def left_out(self) -> Iterator[None]:
        """Within this context, the pool starts and ends its own workers."""
        with _replaced(self.start, self.send, self.end):
            yield

    def end_all(self) -> None:
        """End all workers."""
        while self.kept:
            worker = self.kept.pop()
            del self.lines[worker]
            self.end(worker)


def _kind(extra: Mapping[str, str]) -> tuple[Any, ...]:
    """All that a worker inherits from its driver when it starts."""
    variables = {name: value for name, value in os.environ.items() if name not in CHANGING}
    return tuple(sorted({**variables, **extra}.items())), tuple(map(os.path.abspath, sys.path))


@contextmanager
def _replaced(start: Any, send: Any, end: Any) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "_start", start)
        patch.setattr(pool, "_send", send)
        patch.setattr(pool, "_end", end)
        yield
