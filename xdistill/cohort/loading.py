"""Loads subjects from a data set, in worker processes where that pays, in a fixed order and with bounded memory."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from math import prod
from multiprocessing.connection import wait
from typing import Any

from xdistill.cohort.subject import StoredSubject, stored_subject
from xdistill.errors import DataError, OutOfMemoryError, WorkerDiedError, XdistillError
from xdistill.interfaces.component import Choice
from xdistill.interfaces.dataset import Dataset, DatasetFacts
from xdistill.recipe.schema import CacheRecipe
from xdistill.types import Schema

_TASK_BYTES = 16 * 2**20
_TASK_ROWS = 32
_WORTH_WORKERS = 4.0  # seconds of loading; starting worker processes takes about as long


@dataclass(frozen=True)
class Source:
    """What a worker needs in order to load subjects."""

    data: Choice[Dataset]
    cache: CacheRecipe
    schema: Schema
    subjects: tuple[str, ...]

    def tasks(self) -> list[range]:
        """The rows in pieces of a bounded size, which does not depend on the number of workers."""
        size = sum(prod(spec.shape) * 8 for spec in self.schema.modalities.values())
        step = max(1, min(_TASK_ROWS, _TASK_BYTES // size))
        count = len(self.subjects)
        return [range(first, min(first + step, count)) for first in range(0, count, step)]


def default_workers() -> int:
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load_subjects(
    source: Source, dataset: Dataset, workers: int | None
) -> Generator[list[StoredSubject] | DatasetFacts, None, None]:
    """All subjects, task by task and in order; the data set's facts come among them or not at all.

    Args:
        source: what to load.
        dataset: for what is loaded in this process.
        workers: processes; 1 loads here; None starts one a core once it is clear that loading takes long enough.

    Raises:
        DataError: naming the subject.
        OutOfMemoryError: when memory runs out.
        WorkerDiedError: when a worker was killed.
    """
    tasks = source.tasks()
    if workers is None:
        workers = default_workers()
        begun = time.monotonic()
        yield _load(source, dataset, tasks.pop(0))
        if (time.monotonic() - begun) * len(tasks) < _WORTH_WORKERS:
            workers = 1
    workers = min(workers, len(tasks))
    if workers > 1:
        yield from _load_in_processes(source, tasks, workers)
        return
    for rows in tasks:
        yield _load(source, dataset, rows)


def _load_in_processes(
    source: Source, tasks: Sequence[range], workers: int
) -> Iterator[list[StoredSubject] | DatasetFacts]:
    """Load in worker processes; at most two tasks a worker are under way or wait, which bounds the memory."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=(source,))
    waiting: deque[Future[Any]] = deque()
    try:
        waiting.append(pool.submit(_worker_facts))
        for rows in tasks:
            waiting.append(pool.submit(_worker_load, rows))
            if len(waiting) > 2 * workers:
                yield _outcome(waiting.popleft())
        while waiting:
            yield _outcome(waiting.popleft())
    except BrokenProcessPool as error:
        raise WorkerDiedError(
            "a worker process ended while it loaded subjects; if the machine ran out of memory, build with fewer "
            "--workers"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _outcome(future: Future[Any]) -> Any:
    outcome = future.result()
    if isinstance(outcome, XdistillError):
        raise outcome
    return outcome


def _load(source: Source, dataset: Dataset, rows: range) -> list[StoredSubject]:
    loaded: list[StoredSubject] = []
    try:
        for row, values in zip(rows, dataset.load_many(rows), strict=True):
            loaded.append(stored_subject(values, source.subjects[row], source.schema, source.cache))
    except OSError as error:
        subject = source.subjects[rows[min(len(loaded), len(rows) - 1)]]
        raise DataError(f"subject {subject!r}: {error}") from error
    except MemoryError as error:
        raise OutOfMemoryError("memory ran out while subjects were loaded; build with fewer --workers") from error
    return loaded


# What follows runs in worker processes.

_source: Source
_dataset: Dataset | None = None


def _start_worker(source: Source) -> None:
    global _source  # noqa: PLW0603  # a worker serves one build
    _source = source
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A killed parent cannot tell its workers, and they would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _worker_dataset() -> Dataset:
    global _dataset  # noqa: PLW0603  # built once a worker, at the first task, where errors reach the caller
    if _dataset is None:
        _dataset = _source.data.build()
    return _dataset


def _worker_facts() -> DatasetFacts | XdistillError:
    try:
        return _worker_dataset().facts()
    except XdistillError as error:
        return _portable(error)


def _worker_load(rows: range) -> list[StoredSubject] | XdistillError:
    try:
        return _load(_source, _worker_dataset(), rows)
    except XdistillError as error:
        return _portable(error)


def _portable(error: XdistillError) -> XdistillError:
    """The error, or one of the nearest kind that survives the way to the parent."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  # our own bytes
    except Exception:  # noqa: BLE001  # a plugin's error may fail in any way
        return DataError(str(error))
    return error
