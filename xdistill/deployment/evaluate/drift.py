"""Inputs here against those of the training subjects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xdistill.deployment.evaluate.cohort import Labelled
from xdistill.errors import XdistillError
from xdistill.interfaces.reader import GridSummary, Space
from xdistill.models import StudentModel
from xdistill.models.inputs import QUANTILES, STATISTICS, Distribution, Modality, TrainingInputs
from xdistill.models.subject import Predicted

MOST_GRIDS = 100  # files per modality whose grids are read
SAME_SPACING = 0.01  # relative difference that is rounding


@dataclass(frozen=True)
class Shift:
    """One number of the inputs, here and in training.

    Attributes:
        modality: its name.
        item: a column, or a statistic of the intensities of an image.
        missing: share of subjects without it.
        missing_in_training: likewise.
        mean: here.
        training_mean: of the training subjects.
        difference: of the means, in pooled standard deviations; None where there is no spread.
        ks: largest distance between the distributions at the quantiles that training.json holds: a lower bound of the
            Kolmogorov-Smirnov statistic.
        outside: share of subjects outside of the range of training.
    """

    modality: str
    item: str
    missing: float
    missing_in_training: float
    mean: float | None
    training_mean: float | None
    difference: float | None
    ks: float | None
    outside: float


@dataclass(frozen=True)
class Grid:
    """The grids of the files of one modality, before preprocessing.

    Attributes:
        modality: its name.
        shapes: number of files by shape, such as ``64 x 64 x 32``.
        here: size and spacing of the files that were read.
        training: of those of training; None if the model does not say.
        other_size: share of files with an axis shorter or longer than in any of training; None if that is unknown.
        other_spacing: likewise, of the spacing, by more than 1 %.
    """

    modality: str
    shapes: Mapping[str, int]
    here: GridSummary
    training: GridSummary | None
    other_size: float | None
    other_spacing: float | None


@dataclass(frozen=True)
class Drift:
    """The inputs here and in training.

    Attributes:
        absent: by modality, share of subjects without it here and in training.
        shifts: by column and statistic, the largest standardised difference first.
        grids: of files, before preprocessing.
        flagged: share of subjects with a flag.
    """

    absent: Mapping[str, tuple[float, float]]
    shifts: tuple[Shift, ...]
    grids: tuple[Grid, ...]
    flagged: float


def drift(model: StudentModel, cohort: Labelled, predicted: Sequence[Predicted]) -> Drift | None:
    """The inputs of the subjects against training; None if the model says nothing of its training subjects.

    Args:
        model: with its training facts.
        cohort: the subjects that were predicted.
        predicted: for them, with their inputs.
    """
    known = TrainingInputs.of(model.training).modalities
    if not known:
        return None
    shifts: list[Shift] = []
    absent: dict[str, tuple[float, float]] = {}
    for name, modality in known.items():
        values = [row.inputs[name] for row in predicted if name in row.inputs]
        absent[name] = (1 - len(values) / len(predicted), modality.absent)
        if not values:
            continue
        table = np.stack(values)
        items: dict[str, tuple[Distribution, float]]
        if modality.columns:
            items = {column.name: (column, column.missing) for column in modality.columns}
        else:
            items = {item: (modality.intensity[item], 0.0) for item in STATISTICS if item in modality.intensity}
        shifts += [
            _shift(name, item, table[:, place], facts, missing)
            for place, (item, (facts, missing)) in enumerate(items.items())
        ]
    shifts.sort(key=lambda shift: -abs(shift.difference or 0.0))
    flagged = sum(bool(row.flags) for row in predicted) / len(predicted)
    return Drift(absent, tuple(shifts), tuple(_grids(model, cohort, known)), flagged)


def _shift(modality: str, item: str, values: NDArray[np.float64], training: Distribution, missing: float) -> Shift:
    known = values[np.isfinite(values)]
    low, high = training.range
    return Shift(
        modality=modality,
        item=item,
        missing=1 - len(known) / len(values),
        missing_in_training=missing,
        mean=float(known.mean()) if len(known) else None,
        training_mean=training.mean,
        difference=standardised_difference(known, training),
        ks=ks_bound(known, training),
        outside=float(((known < low) | (known > high)).mean()) if len(known) else 0.0,
    )


def standardised_difference(values: NDArray[np.float64], training: Distribution) -> float | None:
    """Difference of the means in pooled standard deviations, sqrt of the mean variance; None without a spread."""
    if not len(values) or training.mean is None or training.sd is None:
        return None
    pooled = float(np.sqrt((values.var() + training.sd**2) / 2))
    difference = float(values.mean()) - training.mean
    return difference / pooled if pooled > 0 else (0.0 if difference == 0 else None)


def ks_bound(values: NDArray[np.float64], training: Distribution) -> float | None:
    """Largest distance of the distribution of ``values`` from that of training, at the quantiles that are known."""
    if not len(values) or training.quantiles is None:
        return None
    ordered, places = np.sort(values), np.asarray(training.quantiles)
    below = ordered.searchsorted(places, "left") / len(ordered)
    up_to = ordered.searchsorted(places, "right") / len(ordered)
    levels = np.asarray(QUANTILES)
    # Several quantiles at one value are an atom: there the training distribution jumps from the first to the last.
    first = np.array([levels[places == place].min() for place in places])
    last = np.array([levels[places == place].max() for place in places])
    first, last = np.where(places == places[0], 0.0, first), np.where(places == places[-1], 1.0, last)
    return float(max(0.0, (first - up_to).max(), (below - last).max()))


def _grids(model: StudentModel, cohort: Labelled, known: Mapping[str, Modality]) -> Iterator[Grid]:
    """The grids of up to 100 files per modality, evenly taken from the table."""
    rows = np.unique(np.linspace(0, len(cohort.subjects) - 1, MOST_GRIDS).astype(int))
    for name in model.inputs:
        spaces = [space for row in rows if (space := _space(model, cohort, int(row), name)) is not None]
        if not spaces:
            continue
        shapes = Counter(" x ".join(map(str, space.shape)) for space in spaces)
        stored = known[name].grid if name in known else None
        training = None if stored is None else GridSummary(stored.files, stored.size, stored.spacing)
        yield Grid(
            name,
            dict(shapes.most_common()),
            GridSummary.of(spaces),
            training,
            _outside([space.shape for space in spaces], training.size if training else ()),
            _outside([_spacing(space) for space in spaces], training.spacing if training else (), SAME_SPACING),
        )


def _spacing(space: Space) -> NDArray[np.float64] | None:
    return None if space.affine is None else np.linalg.norm(space.affine[:3, :3], axis=0)


def _outside(
    found: Sequence[Sequence[int] | NDArray[np.float64] | None],
    ranges: Sequence[tuple[float, float, float]],
    tolerance: float = 0.0,
) -> float | None:
    """Share of files with an axis outside of its range in training; None if either is unknown."""
    known = [values for values in found if values is not None and len(values) == len(ranges)]
    if not known or not ranges:
        return None
    values, limits = np.asarray(known, dtype=np.float64), np.asarray(ranges, dtype=np.float64)
    low, high = limits[:, 0] * (1 - tolerance), limits[:, 2] * (1 + tolerance)
    return float(((values < low) | (values > high)).any(axis=1).mean())


def _space(model: StudentModel, cohort: Labelled, row: int, name: str) -> Space | None:
    cell = cohort.subjects[row].cells.get(name)
    if cell is None or model.reader is None:
        return None
    try:
        return model.reader.space(name, cell)
    except XdistillError:  # it has been read once already; a file that vanished since is not a reason to stop
        return None
