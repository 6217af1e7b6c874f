"""Predicts for many new subjects in bounded memory: reads, prepares and predicts a batch at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import islice
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xdistill.data import ArrayCohort
from xdistill.data.file.layout import loaded_dtype, stored_dtype
from xdistill.data.subject import check_values
from xdistill.errors import DataError, UserError, XdistillError
from xdistill.interfaces.reader import SubjectReader
from xdistill.models.inputs import TrainingInputs, image_statistics
from xdistill.models.numbers import mean_of
from xdistill.models.subject import NewSubject, Predicted
from xdistill.recipe.schema.recipe import CacheRecipe
from xdistill.tasks import Classification
from xdistill.training.evaluate import EVALUATION_BATCH
from xdistill.types import Schema

if TYPE_CHECKING:
    from xdistill.distributed.device import Device
    from xdistill.models.ensemble import Ensemble

LEVEL = 0.9  # of conformal prediction sets and intervals


@dataclass(frozen=True)
class Values:
    """What was read of one subject.

    Attributes:
        arrays: values by modality; None for one that the subject lacks.
        statistics: of images, by modality.
        error: why the subject could not be read; empty if it could.
    """

    arrays: Mapping[str, NDArray[Any] | None]
    statistics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    error: str = ""

    @classmethod
    def of(cls, schema: Schema, arrays: Mapping[str, NDArray[Any] | None], *, percentiles: bool = False) -> Values:
        """The values with the statistics of the images; ``percentiles``: also those of their intensities."""
        images = {
            name: image_statistics(values, percentiles=percentiles)
            for name, values in arrays.items()
            if values is not None and schema.modalities[name].kind != "vector"
        }
        return cls(arrays, images)


@dataclass(frozen=True)
class Reading:
    """What reading needs of a model: without its networks, so that it can be sent to other processes."""

    schema: Schema
    reader: SubjectReader | None
    stored: CacheRecipe
    optional: tuple[str, ...]
    percentiles: bool = False

    @classmethod
    def of(cls, model: Ensemble, *, percentiles: bool = False) -> Reading:
        """That of a model; ``percentiles``: also of the intensities of images."""
        config = model.config
        stored = CacheRecipe(dtype=config.stored)
        return cls(model.schema, model.reader, stored, tuple(config.optional), percentiles)

    def read(self, subject: NewSubject) -> Values:
        """Read a subject's files; errors are returned, for the caller to raise or to list."""
        try:
            arrays = {name: self._modality(subject, name) for name in self.schema.modalities}
        except XdistillError as error:
            return Values({}, error=f"subject {subject.subject!r}: {error}")
        return Values.of(self.schema, arrays, percentiles=self.percentiles)

    def _modality(self, subject: NewSubject, name: str) -> NDArray[Any] | None:
        spec = self.schema.modalities[name]
        if name in subject.vectors:
            values: NDArray[Any] = subject.vectors[name]
        else:
            cell = subject.cells[name]
            if cell is None or self.reader is None:
                if name not in self.optional:
                    raise DataError(
                        f"modality `{name}` is missing; all training subjects had it, so the student needs it "
                        f"({subject.where})"
                    )
                return None
            values = np.asarray(self.reader.read(name, cell))
        if values.shape != spec.shape:
            raise DataError(f"modality `{name}` has the shape {values.shape}; the model needs {spec.shape}")
        check_values(values, f"modality `{name}`", spec)
        with np.errstate(over="ignore", under="ignore"):
            return values.astype(stored_dtype(spec, self.stored)).astype(loaded_dtype(spec))


def predict_stream(
    model: Ensemble,
    subjects: Iterable[NewSubject],
    *,
    device: str = "auto",
    batch_size: int = EVALUATION_BATCH,
    jobs: int = 1,
    skip_errors: bool = False,
    level: float = LEVEL,
    inputs: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> Iterator[Predicted]:
    """Predictions in the order of the subjects, as they are made.

    Args:
        model: that predicts.
        subjects: from `xdistill.models.tables`.
        device: see `xdistill.models.StudentModel.predict_proba`.
        batch_size: subjects per batch; the last bits can depend on it.
        jobs: processes that read files; 1: this one.
        skip_errors: yield a `Predicted` with its ``error`` for a subject that cannot be read, instead of raising.
        level: of the conformal prediction sets or intervals.
        inputs: also yield what the inputs look like, see `Predicted.inputs`.
        on_progress: called with the number of subjects that are done.

    Raises:
        DataError: naming the subject and the file.
        UserError: for an invalid option.
    """
    if batch_size < 1 or jobs < 1:
        raise UserError(f"`batch_size` and `jobs` must be at least 1, got {batch_size} and {jobs}")
    if not 0 < level < 1:
        raise UserError(f"`level` must be between 0 and 1, got {level}")
    done = 0
    known = TrainingInputs.of(model.training)
    with model.on_device(device) as computing:
        for batch, values in _read(Reading.of(model, percentiles=inputs), subjects, batch_size, jobs):
            if not skip_errors:
                for value in values:
                    if value.error:
                        raise DataError(value.error)
            yield from predict_batch(model, computing, batch, values, level, known=known, inputs=inputs)
            done += len(batch)
            if on_progress is not None:
                on_progress(done)


def _read(
    reading: Reading, subjects: Iterable[NewSubject], batch_size: int, jobs: int
) -> Iterator[tuple[list[NewSubject], list[Values]]]:
    """Batches of subjects with their values; at most two batches per process are read ahead."""
    iterator = iter(subjects)
    batches = iter(lambda: list(islice(iterator, batch_size)), [])
    if jobs == 1:
        for batch in batches:
            yield batch, [reading.read(subject) for subject in batch]
        return
    with ExitStack() as stack:
        pool = stack.enter_context(ProcessPoolExecutor(jobs, mp_context=get_context("spawn")))
        stack.callback(pool.shutdown, wait=True, cancel_futures=True)
        ahead: deque[tuple[list[NewSubject], list[Future[Values]]]] = deque()
        for batch in islice(batches, 2 * jobs):
            ahead.append((batch, [pool.submit(reading.read, subject) for subject in batch]))
        while ahead:
            batch, futures = ahead.popleft()
            yield batch, [future.result() for future in futures]
            for following in islice(batches, 1):
                ahead.append((following, [pool.submit(reading.read, subject) for subject in following]))


def predict_batch(
    model: Ensemble,
    computing: Device,
    batch: Sequence[NewSubject],
    values: Sequence[Values],
    level: float,
    *,
    known: TrainingInputs,
    inputs: bool = False,
) -> Iterator[Predicted]:
    """Predictions for subjects whose files are read.

    Args:
        model: that predicts.
        computing: the device that its networks are on; see `Ensemble.on_device`.
        batch: the subjects.
        values: of each, from `Reading.read`.
        level: of the conformal prediction sets.
        known: inputs of the training subjects, for flags.
        inputs: also yield what the inputs look like, see `Predicted.inputs`.
    """
    good = [place for place, value in enumerate(values) if not value.error]
    made: dict[int, Predicted] = {}
    if good:
        cohort = cohort_of_values(model.schema, [batch[place] for place in good], [values[place] for place in good])
        members = model.predict_members(cohort, computing, batch_size=len(good))
        made = dict(zip(good, _rows(model, cohort, members, level), strict=True))
    for place, subject in enumerate(batch):
        if place in made:
            yield _with_inputs(made[place], values[place], known, keep=inputs)
        else:
            yield Predicted(subject.subject, error=values[place].error)


def cohort_of_values(schema: Schema, subjects: Sequence[NewSubject], values: Sequence[Values]) -> ArrayCohort:
    """Subjects that were read without an error as a cohort, without targets."""
    arrays, present = {}, {}
    for name, spec in schema.modalities.items():
        found = [value.arrays[name] for value in values]
        present[name] = np.array([array is not None for array in found])
        empty = np.zeros(spec.shape, loaded_dtype(spec))
        arrays[name] = np.stack([empty if array is None else array for array in found])
    return ArrayCohort(schema, arrays, None, subjects=[subject.subject for subject in subjects], present=present)


def _rows(model: Ensemble, cohort: ArrayCohort, members: NDArray[np.float64], level: float) -> Iterator[Predicted]:
    task = model.schema.task
    if not isinstance(task, Classification):
        yield from _other_rows(model, cohort, mean_of(members), level)
        return
    probabilities = model.calibrated(mean_of(members))
    sets = None if model.calibration is None else model.calibration.sets(probabilities, level)
    best = task.predicted(probabilities)
    names = task.classes
    ranked = np.argsort(-probabilities, axis=1, kind="stable")
    for row, subject in enumerate(cohort.subjects):
        yield Predicted(
            subject=subject,
            prediction=names[best[row]],
            probabilities=tuple(probabilities[row].tolist()),
            sd=float(members[:, row, best[row]].std(ddof=1)) if len(members) > 1 else None,
            classes=None if sets is None else tuple(names[place] for place in ranked[row] if sets[row, place]),
        )


def _other_rows(
    model: Ensemble, cohort: ArrayCohort, predictions: NDArray[np.float64], level: float
) -> Iterator[Predicted]:
    """Predictions of a task without classes, with their intervals if the model has any."""
    ends = None if model.intervals is None else model.intervals.intervals(predictions, level)
    for row, subject in enumerate(cohort.subjects):
        yield Predicted(
            subject=subject,
            probabilities=tuple(predictions[row].tolist()),
            intervals=None if ends is None else tuple((low, high) for low, high in ends[row].tolist()),
        )


def _with_inputs(predicted: Predicted, values: Values, known: TrainingInputs, *, keep: bool) -> Predicted:
    """The prediction with its flags, and with what the inputs look like."""
    flags: list[str] = []
    if predicted.classes == ():
        flags.append("fits no class")
    for name, array in values.arrays.items():
        statistics = values.statistics.get(name, {})
        flags += [f"no {name}"] if array is None else known.flags(name, array, statistics)
    inputs = {
        name: np.array(list(values.statistics[name].values()) if name in values.statistics else array, dtype=np.float64)
        for name, array in (values.arrays.items() if keep else ())
        if array is not None
    }
    return replace(predicted, flags=tuple(flags), inputs=inputs)
