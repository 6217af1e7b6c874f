"""Loads subjects from a data set with bounded memory, in worker processes if that is faster."""

from __future__ import annotations

import pickle
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from math import prod
from typing import Any, TypeVar

from xdistill.data.failures import Failure
from xdistill.data.subject import StoredSubject, stored_subject
from xdistill.errors import DataError, OutOfMemoryError, WorkerDiedError, XdistillError
from xdistill.interfaces.component import Choice
from xdistill.interfaces.dataset import Dataset, DatasetFacts
from xdistill.recipe.schema.recipe import CacheRecipe
from xdistill.types import Schema
from xdistill.workers import cores, run_tasks

_TASK_BYTES = 16 * 2**20
_TASK_ROWS = 32
_WORTH_WORKERS = 4.0  # seconds of loading; starting workers takes about as long
# Each core has a worker already.
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

Loaded = tuple[int, StoredSubject]
E = TypeVar("E", bound=XdistillError)


@dataclass(frozen=True)
class Task:
    """Some subjects to load, or the data set's facts if there are no rows.

    Attributes:
        data: the data set.
        cache: how values are stored.
        rows: indices into the data set's index.
        subjects: ids of the rows.
    """

    data: Choice[Dataset]
    cache: CacheRecipe
    rows: tuple[int, ...] = ()
    subjects: tuple[str, ...] = ()


def tasks_of(data: Choice[Dataset], cache: CacheRecipe, schema: Schema, subjects: Sequence[str]) -> list[Task]:
    """Divide subjects into tasks of bounded size, independent of the number of workers."""
    size = sum(prod(spec.shape) * 8 for spec in schema.modalities.values())
    step = max(1, min(_TASK_ROWS, _TASK_BYTES // size))
    pieces = [range(first, min(first + step, len(subjects))) for first in range(0, len(subjects), step)]
    return [Task(data, cache, tuple(rows), tuple(subjects[row] for row in rows)) for rows in pieces]


def load_subjects(
    tasks: Sequence[Task], dataset: Dataset, workers: int | None
) -> Generator[Loaded | Failure | DatasetFacts, None, None]:
    """Yield rows with their values, or why they cannot be loaded, in any order; workers also yield the facts.

    Args:
        tasks: what to load.
        dataset: used for loading in this process.
        workers: number of processes; 1 loads in this one. None: one per core if loading takes long enough.

    Raises:
        OutOfMemoryError: if memory runs out.
        WorkerDiedError: if a worker was killed.
    """
    rest = list(tasks)
    if workers is None:
        workers = cores()
        started = time.monotonic()
        yield from _load(rest.pop(0), dataset)
        if (time.monotonic() - started) * len(rest) < _WORTH_WORKERS:
            workers = 1
    workers = min(workers, len(rest))
    if workers > 1:
        yield from _load_in_processes(rest, workers)
        return
    for task in rest:
        yield from _load(task, dataset)


def _load_in_processes(tasks: Sequence[Task], workers: int) -> Iterator[Loaded | Failure | DatasetFacts]:
    """Load in worker processes; each gets a task only after its previous one was consumed, which bounds memory."""
    facts = Task(tasks[0].data, tasks[0].cache)
    messages = run_tasks(f"{__name__}:work", [facts, *tasks], workers=workers, environment=[_ONE_THREAD])
    with closing(messages):  # type: ignore[type-var]  # it is a generator
        for message in messages:
            if message.kind == "event":
                yield message.value
            elif message.kind == "failed":
                raise message.value
            elif message.kind == "died":
                raise WorkerDiedError(
                    "a worker process was killed while loading subjects; if the machine ran out of memory, reduce "
                    "--workers"
                )


def _load(task: Task, dataset: Dataset) -> Iterator[Loaded | Failure]:
    """The subjects of a task; one that cannot be loaded does not stop the others."""
    schema = dataset.schema()
    rest = list(zip(task.rows, task.subjects, strict=True))
    while rest:
        done = 0
        try:
            for (row, subject), values in zip(rest, dataset.load_many([row for row, _ in rest]), strict=True):
                yield row, stored_subject(values, subject, schema, task.cache)
                done += 1
        except DataError as error:
            yield Failure(rest[done][0], _portable(error))
        except OSError as error:
            row, subject = rest[min(done, len(rest) - 1)]
            yield Failure(row, DataError(f"subject {subject!r}: {error}"))
        except MemoryError as error:
            raise OutOfMemoryError("memory ran out while loading subjects; reduce --workers") from error
        else:
            return
        rest = rest[done + 1 :]


# The functions below run in worker processes.

_built: dict[str, Dataset] = {}


def work(task: Task) -> Iterator[Loaded | Failure | DatasetFacts]:
    """Load one task; a worker creates its data set once.

    Raises:
        XdistillError: raised by the data set.
    """
    try:
        dataset = _built.get("dataset")
        if dataset is None:
            dataset = _built["dataset"] = task.data.build()
        if task.rows:
            yield from _load(task, dataset)
        else:
            yield dataset.facts()
    except XdistillError as error:
        raise _portable(error) from None


def _portable(error: E) -> E | DataError:
    """The error, or a `DataError` with its message if it cannot be pickled."""
    try:
        copy: Any = pickle.loads(pickle.dumps(error))  # noqa: S301  # bytes of this process
    except Exception:  # noqa: BLE001  # a plugin's error may raise anything
        return DataError(str(error))
    return error if str(copy) == str(error) else DataError(str(error))
