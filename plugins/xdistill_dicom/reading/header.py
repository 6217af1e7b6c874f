"""What is read of the header of one file. Names, ids and dates in it stay in memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

Vector = tuple[float, float, float]

MARKS: Final = (
    "TemporalPositionIdentifier",
    "EchoNumbers",
    "EchoTime",
    "InversionTime",
    "FlipAngle",
    "DiffusionBValue",
    "DiffusionGradientOrientation",
    "TriggerTime",
    "AcquisitionNumber",
    "ImageType",
)
"""Elements whose values may tell the time points of a series apart, the most explicit first."""

TAGS: Final = (
    "SpecificCharacterSet",
    # identity: hashed, or used to remove it from texts
    "PatientID",
    "IssuerOfPatientID",
    "PatientName",
    "PatientBirthDate",
    "OtherPatientIDs",
    "AccessionNumber",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SOPInstanceUID",
    # times
    "StudyDate",
    "SeriesDate",
    "AcquisitionDate",
    "SeriesTime",
    "AcquisitionTime",
    "ContentTime",
    # what was acquired
    "SOPClassUID",
    "Modality",
    "SeriesDescription",
    "ProtocolName",
    "ContrastBolusAgent",
    *MARKS,
    # geometry
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    # voxels
    "SamplesPerPixel",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "RescaleSlope",
    "RescaleIntercept",
    "ModalityLUTSequence",
)
"""Keywords of all elements that are read; docs/dicom.md says what becomes of each."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How voxels are stored.

    Attributes:
        syntax: UID of the transfer syntax.
        bits: allocated for a voxel.
        stored: of which these are used.
        high: the highest of them, counted from 0.
        signed: whether values are.
        slope: of the rescaling to the output's unit.
        intercept: likewise.
        table: whether a table of values takes the place of slope and intercept.
    """

    syntax: str = ""
    bits: int = 0
    stored: int = 0
    high: int = 0
    signed: bool = False
    slope: float = 1.0
    intercept: float = 0.0
    table: bool = False


@dataclass(frozen=True, slots=True)
class Header:
    """The header of one image.

    Attributes:
        file: the file.
        patient: id with its issuer, as in the file.
        identity: texts that identify the patient: names, ids, day of birth.
        study: UID.
        series: UID.
        instance: UID of the image.
        frame: number of the frame, from 1, in a file with several; 0 in others.
        moment: when it was acquired, in seconds since the year 0; None if the file does not say.
        day: of the study, as a number; None if unknown.
        clock: times of acquisition and of content, in seconds since midnight.
        modality: such as ``MR``.
        kind: values of ImageType.
        description: of the series.
        protocol: of the scanner.
        contrast: whether an agent is named.
        marks: values of `MARKS`, in that order; empty if absent.
        position: of the first voxel, mm.
        rows_along: direction of a row, and
        columns_along: of a column.
        spacing: mm between rows and between columns.
        size: rows and columns.
        encoding: of the voxels.
        offset: of the voxels in the file, in bytes; 0 if they are not stored as they are.
        problem: why the file is not a slice of a volume; empty if it may be one.
    """

    file: Path
    patient: str
    identity: tuple[str, ...]
    study: str
    series: str
    instance: str
    frame: int = 0
    moment: float | None = None
    day: int | None = None
    clock: tuple[float | None, float | None] = (None, None)
    modality: str = ""
    kind: tuple[str, ...] = ()
    description: str = ""
    protocol: str = ""
    contrast: bool = False
    marks: tuple[str, ...] = ()
    position: Vector | None = None
    rows_along: Vector | None = None
    columns_along: Vector | None = None
    spacing: tuple[float, float] | None = None
    size: tuple[int, int] = (0, 0)
    encoding: Encoding = Encoding()
    offset: int = 0
    problem: str = ""
