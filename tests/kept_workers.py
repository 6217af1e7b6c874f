"""Worker processes that tests hand on: starting one takes three seconds of imports, and a tiny fold a tenth of one.

They are what the pool starts, and do what its own do from fold to fold: a task after another. Only their end is put
off, and only where the next test would start the very same process: target, variables, paths and folder are alike.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from xdistill.workers import pool

MOST = 3  # idle workers; each takes half a gigabyte
KEPT = "xdistill.crossval.fold:run_fold"  # assembles everything anew for each fold; what others do may leave traces
CHANGING = {"PYTEST_CURRENT_TEST"}  # says which test runs, and no worker reads it


class _Line:
    """Where a worker's listener puts what it hears: into the inbox of whoever has the worker at the time."""

    def __init__(self, kind_of_worker: tuple[Any, ...], inbox: Any) -> None:
        self.kind_of_worker = kind_of_worker
        self.inbox = inbox
        self.idle = False

    def put(self, said: tuple[Any, str, Any]) -> None:
        self.idle = said[1] == "done"
        self.inbox.put(said)


class KeptWorkers:
    """Starts and ends workers in place of the pool's own functions."""

    def __init__(self) -> None:
        self.start, self.give, self.end = pool._start, pool._give, pool._end
        self.lines: dict[pool._Worker, _Line] = {}
        self.kept: list[pool._Worker] = []
        self.process = os.getpid()  # a fork of this process has none of its workers

    def started(self, target: str, extra: Mapping[str, str], rank: int, inbox: Any) -> pool._Worker:
        """A worker that was kept, or a new one."""
        if target != KEPT or os.getpid() != self.process:
            return self.start(target, extra, rank, inbox)
        kind = _kind(target, extra)
        for worker in self.kept:
            if self.lines[worker].kind_of_worker == kind and not worker.gone:
                self.kept.remove(worker)
                worker.rank, self.lines[worker].inbox = rank, inbox
                return worker
        line = _Line(kind, inbox)
        worker = self.start(target, extra, rank, line)  # type: ignore[arg-type] # a queue of which only put is used
        self.lines[worker] = line
        return worker

    def given(self, worker: pool._Worker, task: int, payload: Any) -> None:
        """Give a worker a task: from now on it is busy."""
        if worker in self.lines:
            self.lines[worker].idle = False
        self.give(worker, task, payload)

    def ended(self, worker: pool._Worker) -> None:
        """Keep a worker that has done its work; end any other, and the oldest of too many."""
        line = self.lines.get(worker)
        if line is not None and line.idle and not worker.gone:
            self.kept.append(worker)
            worker = self.kept.pop(0) if len(self.kept) > MOST else None
        if worker is not None:
            self.lines.pop(worker, None)
            self.end(worker)

    @contextmanager
    def standing_in(self) -> Iterator[None]:
        """While it is entered, the pool's workers are handed on."""
        with _replaced(self.started, self.given, self.ended):
            yield

    @contextmanager
    def left_out(self) -> Iterator[None]:
        """While it is entered, the pool starts and ends its own again."""
        with _replaced(self.start, self.give, self.end):
            yield

    def end_all(self) -> None:
        """End those that are left."""
        while self.kept:
            worker = self.kept.pop()
            del self.lines[worker]
            self.end(worker)


def _kind(target: str, extra: Mapping[str, str]) -> tuple[Any, ...]:
    """All that a worker takes over from its driver when it starts."""
    variables = {name: value for name, value in os.environ.items() if name not in CHANGING}
    return target, tuple(sorted({**variables, **extra}.items())), tuple(sys.path), Path.cwd()


@contextmanager
def _replaced(start: Any, give: Any, end: Any) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "_start", start)
        patch.setattr(pool, "_give", give)
        patch.setattr(pool, "_end", end)
        yield
