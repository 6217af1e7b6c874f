"""What is found in a folder of series, chosen from it, and written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Privacy:
    """What replaces the ids and dates of patients.

    Attributes:
        key: file with the key of the hash that replaces ids, made if it does not exist; None: ids are kept.
        dates: dates are kept; if not, days since the patient's first study replace them.
    """

    key: Path | None
    dates: bool = False


@dataclass(frozen=True)
class Series:
    """One series of images. Texts are free of what identifies the patient, unless ids were to be kept.

    Attributes:
        patient: the patient, hashed.
        subject: the study: the patient and, if there are several studies, the study's number.
        series: the series, hashed; a time point of a series has its number appended.
        folder: relative to the folder that was searched.
        files: how many.
        modality: such as ``MR``.
        description: of the series.
        protocol: of the scanner.
        phase: what description and contrast agent suggest, such as ``arterial``; a hint that decides nothing.
        part: which time point of a series with several, such as ``2 of 3 (EchoTime)``; empty for the only one.
        day: since the patient's first study; None if no date is stated.
        date: ``YYYY-MM-DD``; empty unless dates were to be kept.
        seconds: since the first series of the study; None if no time is stated.
        size: voxels along x, y and z.
        spacing: mm between them; None if unknown.
        problems: why it is refused; empty for a volume that can be used.
        remarks: what else is to be known.
        source: what the format needs to read it.
    """

    patient: str
    subject: str
    series: str
    folder: str
    files: int
    modality: str = ""
    description: str = ""
    protocol: str = ""
    phase: str = ""
    part: str = ""
    day: int | None = None
    date: str = ""
    seconds: float | None = None
    size: tuple[int, int, int] = (0, 0, 0)
    spacing: tuple[float, float, float] | None = None
    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    source: object = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Found:
    """The series of a folder.

    Attributes:
        folder: that was searched.
        privacy: what replaced ids and dates.
        series: by patient, day and time.
        other: files that are of another format.
        notes: what a user should know, such as that a key was made.
    """

    folder: Path
    privacy: Privacy
    series: tuple[Series, ...]
    other: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chosen:
    """The series of each study that rules chose.

    Attributes:
        found: what was chosen from.
        phases: names of the rules, in their order.
        rows: by subject, the series of each phase; a phase that a subject lacks is left out.
        notes: such as studies that lack a phase.
    """

    found: Found
    phases: tuple[str, ...]
    rows: Mapping[str, Mapping[str, Series]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Written:
    """A manifest that was written.

    Attributes:
        manifest: the CSV file.
        rows: how many.
        volumes: how many series it names.
        converted: how many of them became NIfTI files.
        notes: such as rows without a match in a joined table.
    """

    manifest: Path
    rows: int
    volumes: int
    converted: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SeriesVolume:
    """A series as a volume.

    Attributes:
        values: ``(x, y, z)``: columns, rows and slices of the images, with slope and intercept applied.
        affine: ``(4, 4)``, from voxel indices to mm; x to the right, y to the front, z to the head.
    """

    values: NDArray[np.generic]
    affine: NDArray[np.float64]
