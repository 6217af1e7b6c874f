"""The files of one volume or picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["volume", "image"]

VOLUMES = (".nii", ".nii.gz", ".npy", ".npz", ".nrrd", ".mha", ".mhd")
TIFF = (".tif", ".tiff")
PICTURES = (".png", ".jpg", ".jpeg", *TIFF)
SUFFIXES = (*VOLUMES, *PICTURES)

Bounds = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class VolumeSource:
    """The files that one volume, or picture, of one subject is read from.

    Attributes:
        file: the image.
        mask: for a crop by mask, the mask.
        box: for a crop by box, its bounds along depth, height and width.
        array: which array of an .npz file.
        row: index along the first axis of an array that holds all subjects; None: the file holds one subject.
    """

    file: Path
    mask: Path | None = None
    box: Bounds | None = None
    array: str | None = None
    row: int | None = None


def kind_of(file: Path | str) -> Kind:
    """What a file holds by its ending: a picture, or a volume.

    >>> kind_of("a.JPG"), kind_of("a.nii.gz")
    ('image', 'volume')
    """
    return "image" if str(file).lower().endswith(PICTURES) else "volume"
