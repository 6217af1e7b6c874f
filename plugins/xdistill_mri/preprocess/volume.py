"""A volume during preprocessing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xdistill.errors import DataError


@dataclass(frozen=True)
class Volume:
    """Voxels and their position in space.

    Attributes:
        values: ``(x, y, z)``, the axes of NIfTI; the result of the pipeline is ``(1, depth, height, width)``.
        file: that they were read from.
        affine: ``(4, 4)``, from voxel indices to mm; None if the spacing is unknown.
        oriented: whether the directions of the affine are anatomical; if not, only its spacing is known.
        unknown: why the spacing is unknown and what to do, for error messages.
    """

    values: NDArray[np.float32]
    file: Path
    affine: NDArray[np.float64] | None = None
    oriented: bool = False
    unknown: str = ""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Depth, height, width."""
        width, height, depth = self.values.shape
        return depth, height, width

    def spacing(self, wanted_for: str) -> NDArray[np.float64]:
        """Mm between voxels along x, y and z.

        Args:
            wanted_for: the setting that needs it, for the error message.

        Raises:
            DataError: if it is unknown; it is never guessed.
        """
        if self.affine is None:
            raise DataError(f"{self.file}: {wanted_for} needs a known voxel spacing; {self.unknown}")
        spacing: NDArray[np.float64] = np.linalg.norm(self.affine[:3, :3], axis=0)
        return spacing

    def with_values(self, values: NDArray[np.float32]) -> Volume:
        """The same volume with other values on the same grid."""
        return replace(self, values=values)
