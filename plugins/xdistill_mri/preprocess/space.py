"""Compares the positions of the volumes of one subject, and says what was noticed in the headers of a cohort."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from xdistill.interfaces import Space
from xdistill_mri.preprocess.formats import orientation_of, space_of
from xdistill_mri.preprocess.itk import companion
from xdistill_mri.preprocess.read import transform_problem
from xdistill_mri.preprocess.settings import Preprocess
from xdistill_mri.preprocess.source import VolumeSource


class _Entry(Protocol):
    @property
    def volumes(self) -> Mapping[str, VolumeSource | None]: ...


def differences(sources: Mapping[str, tuple[VolumeSource, Preprocess]]) -> str:
    """What separates the volumes of a subject in space; empty if nothing does, or they state no position.

    Volumes whose bounding boxes do not overlap, and volumes whose axes point elsewhere, unless `orientation` unifies
    them: a network that stacks them as channels would compare different places.

    Args:
        sources: files and settings, by modality.

    Raises:
        DataError: for a file that is missing or damaged.
    """
    placed: dict[str, tuple[NDArray[np.float64], str]] = {}
    for name, (source, settings) in sources.items():
        code = orientation_of(source.file)
        space = space_of(source, settings) if code is not None else None
        if code is not None and space is not None and space.affine is not None:
            placed[name] = _bounds(space.shape, space.affine), settings.orientation or code
    return "; ".join(
        text
        for (one, first), (other, second) in combinations(placed.items(), 2)
        if (text := _difference(one, first, other, second))
    )


def survey(
    entries: Sequence[_Entry],
    prepared: Callable[[str], Preprocess],
    difference: Callable[[Any], str] | None,
) -> tuple[dict[str, list[Space]], tuple[str, ...]]:
    """The grids of the files of each modality, and what a reader of the cohort should know of some of its files.

    Remarks do not name a subject. Headers are read subject by subject, because readers keep those of the last files.

    Args:
        entries: subjects.
        prepared: the settings of a modality.
        difference: what separates the volumes of one subject in space; None: not of interest.
    """
    spaces: dict[str, list[Space]] = {}
    apart: list[str] = []
    damaged: list[str] = []
    files = 0
    for entry in entries:
        sources = {name: source for name, source in entry.volumes.items() if source is not None}
        for name, source in sources.items():
            spaces.setdefault(name, []).append(space_of(source, prepared(name)))
            damaged.append(transform_problem(source.file))
        files += len(sources)
        if difference is not None and len(entry.volumes) > 1:
            apart.append(difference(entry))
    return spaces, tuple(_remarks(list(filter(None, apart)), len(entries), list(filter(None, damaged)), files))


def _remarks(apart: Sequence[str], subjects: int, damaged: Sequence[str], files: int) -> Iterator[str]:
    if apart:
        yield (
            f"in {len(apart)} of {subjects} subjects, volumes differ in space, such as {apart[0]}; a network must "
            f"not stack them as channels (`space: refuse` makes this an error)"
        )
    if damaged:
        yield f"in {len(damaged)} of {files} files, {damaged[0]}"


def _difference(one: str, first: tuple[NDArray[Any], str], other: str, second: tuple[NDArray[Any], str]) -> str:
    (low, high), (other_low, other_high) = first[0], second[0]
    if (low > other_high).any() or (other_low > high).any():
        distance = float(np.linalg.norm((low + high) / 2 - (other_low + other_high) / 2))
        return f"{one!r} and {other!r} do not overlap: their centres are {distance:.0f} mm apart"
    if first[1] != second[1]:
        return f"the axes of {one!r} point to {first[1]} and those of {other!r} to {second[1]}"
    return ""


def _bounds(shape: tuple[int, ...], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smallest and largest coordinates in mm of the centres of the corner voxels, ``(2, 3)``."""
    corners = np.stack(np.meshgrid(*([0, length - 1] for length in shape), indexing="ij"), axis=-1).reshape(-1, 3)
    placed = corners @ affine[:3, :3].T + affine[:3, 3]
    return np.stack([placed.min(axis=0), placed.max(axis=0)])


def files_of_source(source: VolumeSource) -> list[Path]:
    """All files that are read for a source."""
    named = [file for file in (source.file, source.mask) if file is not None]
    return [*named, *(other for file in named if (other := companion(file)) is not None)]
