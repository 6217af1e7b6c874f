"""Readers: how a new subject is read exactly as the subjects were that a student was trained on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Cell:
    """Where one modality of one new subject is.

    Attributes:
        text: what the table says, such as the path of an image relative to ``folder``.
        row: the subject's whole row, by column.
        folder: of the table.
    """

    text: str
    row: Mapping[str, str]
    folder: Path


@dataclass(frozen=True)
class Space:
    """The grids of an image before and after preprocessing.

    Attributes:
        shape: of the source file along its own axes, ``(x, y, z)``.
        affine: of the source file, ``(4, 4)``, from voxel indices to mm; None if its spacing is unknown.
        prepared: the affine of the preprocessed grid, whose axes are ``(x, y, z)`` as well: the reverse of the array's
            ``(depth, height, width)``. It leads to mm, or to voxel indices of the file if its spacing is unknown. None
            if the grid itself is unknown.
    """

    shape: tuple[int, ...]
    affine: NDArray[np.float64] | None
    prepared: NDArray[np.float64] | None


@dataclass(frozen=True)
class GridSummary:
    """The grids of the source files of one modality, before preprocessing.

    Attributes:
        files: how many were read.
        size: smallest, median and largest number of voxels along each axis of the file, ``(x, y, z)``; empty if files
            differ in their number of axes.
        spacing: likewise, mm between voxels; empty if no file states it.
    """

    files: int
    size: tuple[tuple[float, float, float], ...] = ()
    spacing: tuple[tuple[float, float, float], ...] = ()

    @classmethod
    def of(cls, spaces: Sequence[Space]) -> GridSummary:
        """The summary of some files."""
        import numpy as np

        known = [np.linalg.norm(space.affine[:3, :3], axis=0) for space in spaces if space.affine is not None]
        same = len({len(space.shape) for space in spaces}) == 1
        return cls(len(spaces), _axes([space.shape for space in spaces] if same else []), _axes(known))


def _axes(rows: Sequence[Sequence[float] | NDArray[np.float64]]) -> tuple[tuple[float, float, float], ...]:
    from statistics import median

    axes = zip(*([float(value) for value in row] for row in rows), strict=True)
    return tuple((min(axis), median(axis), max(axis)) for axis in axes)


class SubjectReader(ABC):
    """Reads modalities of new subjects, one cell of a table each. `Dataset.reader` makes one.

    Attributes:
        columns: by modality, the column of the table that holds it.
        suffixes: endings of the files that cells name; empty if cells hold values.
        subject: the column with the ids.
    """

    columns: Mapping[str, str]
    suffixes: Sequence[str] = ()
    subject: str = "subject"

    def further_columns(self, modality: str) -> Sequence[str]:
        """Columns that reading a modality needs in addition, such as the one with the path of a mask."""
        del modality
        return ()

    def plain(self, row: Mapping[str, str]) -> Mapping[str, str]:
        """A row of a table with the cells of vectors written plainly: numbers with a point, and names."""
        return row

    @abstractmethod
    def read(self, modality: str, cell: Cell) -> NDArray[np.generic]:
        """The values of a subject, of the schema's shape.

        Raises:
            DataError: naming the file, for one that is missing, damaged or cannot be prepared.
        """

    def space(self, modality: str, cell: Cell) -> Space | None:
        """The grids of an image; None if files of this kind have none."""
        del modality, cell
        return None
