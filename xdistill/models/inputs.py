"""What the inputs of training subjects looked like, and what of a new subject is outside of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from xdistill.errors import ModelError

QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
STATISTICS = ("mean", "sd", "p01", "p50", "p99")
FLAGGED = ("mean", "sd")
MOST_COLUMNS = 3  # that are named; of more, their number is given
_TITLES = {"mean": "mean intensity", "sd": "spread of intensity"}


def image_statistics(values: NDArray[np.floating], *, percentiles: bool = True) -> dict[str, float]:
    """Statistics of the intensities of one subject's image.

    Args:
        values: of the prepared image.
        percentiles: also ``p01``, ``p50`` and ``p99``, which take longer than all else.
    """
    found = {"mean": float(values.mean(dtype=np.float64)), "sd": float(values.std(dtype=np.float64))}
    if not percentiles:
        return found
    low, middle, high = np.percentile(values, [1, 50, 99])
    return {**found, "p01": float(low), "p50": float(middle), "p99": float(high)}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Distribution(_Part):
    """Of one number over the training subjects; None where none of them had it."""

    mean: float | None
    sd: float | None
    quantiles: tuple[float, ...] | None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.quantiles is not None and len(self.quantiles) != len(QUANTILES):
            raise ValueError(f"there are not {len(QUANTILES)} quantiles")
        return self

    @property
    def range(self) -> tuple[float, float]:
        """Smallest and largest value; infinite if none is known."""
        return (-np.inf, np.inf) if self.quantiles is None else (self.quantiles[0], self.quantiles[-1])


class Column(Distribution):
    """A column of a vector, and the share of training subjects without a value."""

    name: str
    missing: float


class Grids(_Part):
    """Size and spacing of the source files: smallest, median and largest along each axis; see `GridSummary`."""

    files: int
    size: tuple[tuple[float, float, float], ...] = ()
    spacing: tuple[tuple[float, float, float], ...] = ()


class Modality(_Part):
    """One modality of the training cohort.

    Attributes:
        kind: ``vector``, or that of an image.
        shape: after preprocessing.
        absent: share of training subjects without it.
        columns: of a vector.
        intensity: of an image, by statistic.
        grid: of an image, of the source files; None if that is unknown.
    """

    kind: str
    shape: tuple[int, ...]
    absent: float
    columns: tuple[Column, ...] = ()
    intensity: Mapping[str, Distribution] = {}
    grid: Grids | None = None

    @cached_property
    def limits(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Smallest and largest value of each column, each ``(columns,)``."""
        ranges = np.array([column.range for column in self.columns], dtype=np.float64).reshape(-1, 2)
        return ranges[:, 0], ranges[:, 1]

    @cached_property
    def never_missing(self) -> NDArray[np.bool_]:
        """Which columns every training subject had, ``(columns,)``."""
        return np.array([column.missing == 0 for column in self.columns], dtype=bool)


@dataclass(frozen=True)
class TrainingInputs:
    """The inputs of the training subjects, by modality; empty if nothing is known of them."""

    modalities: Mapping[str, Modality]

    @classmethod
    def of(cls, training: Mapping[str, Any]) -> TrainingInputs:
        """Those in a model's ``training.json``.

        Raises:
            ModelError: if they are not valid.
        """
        try:
            found = training.get("modalities", {})
            return cls({str(name): Modality.model_validate(value) for name, value in dict(found).items()})
        except (ValidationError, TypeError, ValueError) as error:
            first = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": str(error)}
            field = ".".join(map(str, ("modalities", *first["loc"])))
            raise ModelError(f"training.json: `{field}`: {first['msg']}; copy the model again") from None

    def flags(self, name: str, values: NDArray[Any], statistics: Mapping[str, float]) -> Iterator[str]:
        """What is outside of the range of training.

        Args:
            name: of the modality.
            values: of a vector, ``(columns,)``; of an image, they are not looked at.
            statistics: of an image, see `image_statistics`.
        """
        modality = self.modalities.get(name)
        if modality is None:
            return
        for statistic in FLAGGED:
            if statistic in statistics and statistic in modality.intensity:
                low, high = modality.intensity[statistic].range
                value = statistics[statistic]
                if not low <= value <= high:
                    yield f"{name}: {_TITLES[statistic]} {value:.4g} outside {low:.4g} to {high:.4g}"
        if len(modality.columns) == values.size:
            yield from _column_flags(name, modality, values.reshape(-1).astype(np.float64))


def _column_flags(name: str, modality: Modality, values: NDArray[np.float64]) -> Iterator[str]:
    low, high = modality.limits
    with np.errstate(invalid="ignore"):
        outside = np.flatnonzero((values < low) | (values > high))
    absent = np.flatnonzero(np.isnan(values) & modality.never_missing)
    if len(outside) > MOST_COLUMNS:
        yield f"{name}: {len(outside)} of {len(values)} columns outside the range of training"
    else:
        for place in outside:
            yield f"{modality.columns[place].name} {values[place]:.4g} outside {low[place]:.4g} to {high[place]:.4g}"
    if len(absent) > MOST_COLUMNS:
        yield f"{name}: {len(absent)} of {len(values)} columns missing that training subjects had"
    else:
        for place in absent:
            yield f"{modality.columns[place].name} missing, never in training"
