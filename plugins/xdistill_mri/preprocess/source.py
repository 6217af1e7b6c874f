"""The files of one volume."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SUFFIXES = (".nii", ".nii.gz", ".npy", ".npz")

Bounds = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class VolumeSource:
    """The files that one volume of one subject is read from.

    Attributes:
        file: the image.
        mask: for a crop by mask, the mask.
        box: for a crop by box, its bounds along depth, height and width.
        array: which array of an .npz file.
    """

    file: Path
    mask: Path | None = None
    box: Bounds | None = None
    array: str | None = None
