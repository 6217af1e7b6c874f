"""Builds a cohort file, or finds the existing one."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

import numpy as np

from xdistill.data.failures import Failure, combined
from xdistill.data.file.compression import require_blosc2
from xdistill.data.file.layout import stored_dtype
from xdistill.data.file.writer import CohortWriter
from xdistill.data.index import check_index, check_kept, check_schema
from xdistill.data.key import cache_key
from xdistill.data.loading import load_subjects, tasks_of
from xdistill.data.lock import exclusive
from xdistill.data.reader import Cohort, open_cohort
from xdistill.errors import CacheError
from xdistill.interfaces.component import Choice
from xdistill.interfaces.dataset import Dataset, DatasetFacts, SubjectRow
from xdistill.recipe.schema.recipe import CacheRecipe
from xdistill.types import Schema
from xdistill.untrusted import normal_id

Progress = Callable[[int, int], None]
_SCANNED = 2**22  # numbers that are read at a time to find blank vectors


@dataclass(frozen=True)
class _Plan:
    """One build of a cohort file."""

    data: Choice[Dataset]
    dataset: Dataset
    cache: CacheRecipe
    schema: Schema
    rows: Sequence[SubjectRow]
    key: str
    workers: int | None
    on_progress: Progress


def build_cohort(
    data: Choice[Dataset],
    cache: CacheRecipe,
    *,
    directory: Path,
    workers: int | None = None,
    on_progress: Progress | None = None,
) -> Path:
    """Return the file of this cohort in ``directory``; build it if it does not exist.

    Several processes may call this for the same cohort at the same time: one builds, the others wait and use its file.
    The file gets its name only when it is complete and flushed to disk.

    Args:
        data: the data set with its settings.
        cache: compression and types.
        directory: of the cohort files; created if it does not exist.
        workers: processes that load subjects; 1 loads in this process. Default: one per core if loading takes long
            enough. The content does not depend on it.
        on_progress: called with the number of subjects written and the number of all subjects.

    Raises:
        DataError: for a subject or a source that cannot be used.
        CacheError: if the folder cannot be written or the disk is full.
        UserError: if the compression is not installed.
        OutOfMemoryError: if memory runs out.
        WorkerDiedError: if a worker was killed.
    """
    if cache.compression == "blosc2":
        require_blosc2()
    dataset = data.build()
    schema, rows = dataset.schema(), [_normalised(row) for row in dataset.index()]
    check_schema(schema)
    check_index(rows, schema)
    check_kept(dataset.kept_columns(), len(rows))
    key = cache_key(data, dataset, cache)
    path = directory / f"{data.use}-{key[:16]}.h5"
    if _is_valid(path, key):
        return path
    plan = _Plan(data, dataset, cache, schema, rows, key, workers, on_progress or (lambda _done, _all: None))
    with _disk_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
        with exclusive(directory / f".{path.name}.lock") as held:
            if held:
                _remove_leftovers(path)
            if not _is_valid(path, key):
                _build(plan, path)
    return path


def built_cohort(data: Choice[Dataset], cache: CacheRecipe, *, directory: Path) -> Path | None:
    """The file of this cohort, if it was built already; see `build_cohort`.

    The key of a cohort of files needs their checksums, so nothing is read where no cohort of this kind exists.
    """
    if not any(directory.glob(f"{data.use}-*.h5")):
        return None
    key = cache_key(data, data.build(), cache)
    path = directory / f"{data.use}-{key[:16]}.h5"
    return path if _is_valid(path, key) else None


def _normalised(row: SubjectRow) -> SubjectRow:
    """A row whose ids are in Unicode's composed form, so that two spellings of one id are not two subjects."""
    return replace(row, subject=normal_id(row.subject), patient=normal_id(row.patient))


def _build(plan: _Plan, path: Path) -> None:
    _check_space(plan, path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}.part")
    try:
        with CohortWriter(temporary, plan.rows, plan.schema, plan.cache) as writer:
            _fill(writer, plan)
        temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _fill(writer: CohortWriter, plan: _Plan) -> None:
    done, total = 0, len(plan.rows)
    facts: DatasetFacts | None = None
    failures: list[Failure] = []
    plan.on_progress(done, total)
    tasks = tasks_of(plan.data, plan.cache, plan.schema, [row.subject for row in plan.rows])
    with contextlib.closing(load_subjects(tasks, plan.dataset, plan.workers)) as loaded:
        for item in loaded:
            if isinstance(item, DatasetFacts):
                facts = item
                continue
            if isinstance(item, Failure):
                failures.append(item)
                continue  # the last report says that all are written
            if not failures:
                writer.put(*item)
            done += 1
            plan.on_progress(done, total)
    if failures:
        raise combined(failures, total)
    if facts is None:
        facts = plan.dataset.facts()
    writer.finish(plan.key, facts, plan.dataset.kept_columns())


def _is_valid(path: Path, key: str) -> bool:
    """Whether an intact cohort with this key exists; a damaged one is built again.

    So is one of an older version, in which subjects with a blank vector count as having it.
    """
    try:
        cohort = open_cohort(path)
        return cohort.key == key and not _has_blank_vectors(cohort)
    except CacheError:
        return False


def _has_blank_vectors(cohort: Cohort) -> bool:
    """Whether a subject is said to have a vector whose items are all missing."""
    for name, spec in cohort.schema.modalities.items():
        if spec.kind != "vector":
            continue
        rows = np.flatnonzero(cohort.present(name))
        step = max(1, _SCANNED // prod(spec.shape))
        for start in range(0, len(rows), step):
            if np.isnan(cohort.values(name, rows[start : start + step])).all(axis=1).any():
                return True
    return False


def _remove_leftovers(path: Path) -> None:
    """Remove partial files of killed builds of this cohort; only the lock's holder may."""
    for leftover in path.parent.glob(f".{path.name}.*.part"):
        with contextlib.suppress(OSError):
            leftover.unlink()


def _check_space(plan: _Plan, directory: Path) -> None:
    if plan.cache.compression != "none":
        return
    sizes = {"<f2": 2, "<f4": 4, "<f8": 8}
    needed = len(plan.rows) * sum(
        prod(spec.shape) * sizes[stored_dtype(spec, plan.cache)] for spec in plan.schema.modalities.values()
    )
    free = shutil.disk_usage(directory).free
    if needed > free:
        raise CacheError(
            f"the cohort needs {needed / 1e6:.0f} MB, but {directory} has {free / 1e6:.0f} MB left; free some space, "
            f"choose another folder (--cache or XDISTILL_CACHE), or set `cache.dtype` or `cache.compression`"
        )


@contextlib.contextmanager
def _disk_errors(directory: Path) -> Iterator[None]:
    """Turn errors of the operating system into a `CacheError` that says what to do."""
    try:
        yield
    except OSError as error:
        raise CacheError(
            f"the cohort cannot be written to {directory}: {error.strerror or error}; no partial file was left. Free "
            f"some space or choose another folder (--cache or XDISTILL_CACHE)"
        ) from error


def _sync_folder(directory: Path) -> None:
    """Flush the file's name to disk too."""
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
