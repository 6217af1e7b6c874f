"""What is found out about the prediction for one subject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from xdistill.interfaces.reader import Space

_PICTURE = 2  # axes of its map


@dataclass(frozen=True)
class Map:
    """The attributions of an image: how much each place raises what is explained; negative: lowers it.

    Attributes:
        values: on the prepared grid, ``(depth, height, width)`` or ``(height, width)``.
        image: the first channel of what the network was given, on the same grid; of a colour picture, the mean.
        space: the grids before and after preprocessing; None if the image did not come from a file.
        layer: for Grad-CAM, the layers that it was computed at, and the number of positions of their maps.
    """

    values: NDArray[np.float32]
    image: NDArray[np.float32]
    space: Space | None = None
    layer: str = ""

    @property
    def is_picture(self) -> bool:
        """Whether it is the map of a picture, not of a volume."""
        return self.values.ndim == _PICTURE

    @property
    def peak(self) -> tuple[int, ...]:
        """Index of the largest value on the prepared grid."""
        return tuple(int(index) for index in np.unravel_index(int(self.values.argmax()), self.values.shape))


@dataclass(frozen=True)
class ColumnAttributions:
    """The attributions of a vector, one per column of the cohort: how much its value raises what is explained.

    Attributes:
        names: of the columns.
        attributions: ``(columns,)``.
        values: of the columns, as text; empty for a missing value.
    """

    names: tuple[str, ...]
    attributions: NDArray[np.float64]
    values: tuple[str, ...]

    def strongest(self, count: int) -> list[tuple[str, str, float]]:
        """Name, value and attribution of the columns with the largest magnitude, the largest first."""
        order = np.argsort(-np.abs(self.attributions), kind="stable")[:count]
        return [(self.names[index], self.values[index], float(self.attributions[index])) for index in order]


@dataclass(frozen=True)
class Checks:
    """Sanity checks of the explanation of one subject.

    Attributes:
        correlation: Spearman's rank correlation with the map of a network with shuffled weights: the mean over
            modalities and shuffles of its magnitude. Near 0 if the map depends on what the network has learned.
        deleted: prediction of what is explained while patches are deleted, those with the largest attribution first,
            ``(steps,)``.
        random: the same in random orders, their mean, ``(steps,)``.
    """

    correlation: float
    deleted: NDArray[np.float64]
    random: NDArray[np.float64]


@dataclass(frozen=True)
class Explanation:
    """The prediction for one subject, and what it depends on.

    Attributes:
        subject: its id.
        prediction: in words, such as the predicted class; empty if the subject could not be read.
        explained: what maps and attributions are about, such as a class or a target.
        probability: of the class that is explained; calibrated if the model is. Of other tasks, the predicted value.
        maps: by image modality; a modality that the subject lacks is left out.
        columns: by vector modality.
        checks: None if they were not requested.
        error: why the subject could not be read; empty if it could.
    """

    subject: str
    prediction: str = ""
    explained: str = ""
    probability: float = 0.0
    maps: Mapping[str, Map] = field(default_factory=dict)
    columns: Mapping[str, ColumnAttributions] = field(default_factory=dict)
    checks: Checks | None = None
    error: str = ""
