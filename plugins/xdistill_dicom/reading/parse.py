"""Reads the header of one file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Final

from xdistill.errors import DataError
from xdistill.untrusted import open_regular
from xdistill_dicom.reading.extra import pydicom, require
from xdistill_dicom.reading.frames import frames_of
from xdistill_dicom.reading.header import MARKS, TAGS, Encoding, Header
from xdistill_dicom.reading.values import Elements, clock_of, day_of, numbers_of, text_of, whole_of
from xdistill_dicom.reading.voxels import UNSTATED, find_voxels

_PREAMBLE: Final = 128
_MAGIC: Final = b"DICM"
_DAY: Final = 86400
_AXES: Final = 3
_ROUNDED: Final = 0.01  # by which the length of a direction may differ from 1
_SHARED: dict[Any, Any] = {}  # values that many headers have in common are kept once


def is_dicom(file: Path) -> bool:
    """Whether a file begins as the format demands."""
    try:
        with open_regular(file) as stream:
            return stream.read(_PREAMBLE + len(_MAGIC))[_PREAMBLE:] == _MAGIC
    except (DataError, OSError):
        return False


def read_file(file: Path) -> Sequence[Header]:
    """The headers of a file's images: one, or one per frame; none for another format, and for a DICOMDIR."""
    try:
        with open_regular(file) as stream:
            return _images(file, stream)
    except DataError:  # what is not a regular file cannot be a DICOM file
        return ()
    except OSError as error:
        return (_unreadable(file, error.strerror or "cannot be read"),)
    except Exception as error:  # noqa: BLE001 -- the library raises various errors on invalid bytes
        return (_unreadable(file, f"is damaged ({type(error).__name__})"),)


def _images(file: Path, stream: BinaryIO) -> Sequence[Header]:
    if stream.read(_PREAMBLE + len(_MAGIC))[_PREAMBLE:] != _MAGIC:
        return ()
    stream.seek(0)
    content = Elements(pydicom().dcmread(stream, stop_before_pixels=True, specific_tags=_tags()))
    if "DirectoryStorage" in str(getattr(content.file_meta.get("MediaStorageSOPClassUID"), "keyword", "")):
        return ()
    voxels = find_voxels(stream, content)
    frames = [] if voxels.problem else frames_of(content)
    if not frames:
        return (_header(file, content, 0, voxels.offset, voxels.problem),)
    places = (voxels.offset and voxels.offset + number * voxels.size for number in range(len(frames)))
    return [
        _header(file, frame, number, place, "")
        for number, (frame, place) in enumerate(zip(frames, places, strict=True), start=1)
    ]


@cache
def _tags() -> list[Any]:
    return [require("pydicom.tag").Tag(name) for name in TAGS]


def _unreadable(file: Path, why: str) -> Header:
    return Header(file, "", (), "", "", "", problem=f"cannot be read: {why}")


def _header(file: Path, content: Any, frame: int, offset: int, problem: str) -> Header:
    """The header of an image, from a file's elements or those of one of its frames."""
    position, orientation = numbers_of(content, "ImagePositionPatient"), numbers_of(content, "ImageOrientationPatient")
    spacing = numbers_of(content, "PixelSpacing")
    day = day_of(text_of(content, "StudyDate") or text_of(content, "SeriesDate") or text_of(content, "AcquisitionDate"))
    clock = clock_of(text_of(content, "AcquisitionTime")), clock_of(text_of(content, "ContentTime"))
    return Header(
        file,
        _shared("\0".join((text_of(content, "PatientID"), text_of(content, "IssuerOfPatientID")))),
        _shared(_identity(content)),
        _shared(text_of(content, "StudyInstanceUID")),
        _shared(text_of(content, "SeriesInstanceUID")),
        text_of(content, "SOPInstanceUID"),
        frame=frame,
        moment=_moment(content, clock),
        day=day,
        clock=clock,
        modality=_shared(text_of(content, "Modality")),
        kind=_shared(tuple(text_of(content, "ImageType").upper().split("\\"))),
        description=_shared(text_of(content, "SeriesDescription")),
        protocol=_shared(text_of(content, "ProtocolName")),
        contrast=bool(text_of(content, "ContrastBolusAgent")),
        marks=_shared(tuple(text_of(content, mark) for mark in MARKS)),
        position=position[:_AXES] if len(position) == _AXES else None,
        rows_along=_shared(_direction(orientation[:_AXES])) if len(orientation) == 2 * _AXES else None,
        columns_along=_shared(_direction(orientation[_AXES:])) if len(orientation) == 2 * _AXES else None,
        spacing=_shared(spacing) if len(spacing) == 2 and min(spacing) > 0 else None,  # noqa: PLR2004  # rows and columns
        size=_shared((whole_of(content, "Rows"), whole_of(content, "Columns"))),
        encoding=_shared(_encoding(content)),
        offset=offset,
        problem=problem,
    )


def _encoding(content: Any) -> Encoding:
    slope, intercept = numbers_of(content, "RescaleSlope"), numbers_of(content, "RescaleIntercept")
    bits = whole_of(content, "BitsAllocated")
    stored = whole_of(content, "BitsStored") or bits
    return Encoding(
        str(content.file_meta.get("TransferSyntaxUID", UNSTATED)),
        bits,
        stored,
        whole_of(content, "HighBit") or stored - 1,
        whole_of(content, "PixelRepresentation") == 1,
        slope[0] if slope else 1.0,
        intercept[0] if intercept else 0.0,
        content.get("ModalityLUTSequence") is not None,
    )


def _identity(content: Any) -> tuple[str, ...]:
    tags = ("PatientName", "PatientID", "OtherPatientIDs", "PatientBirthDate", "AccessionNumber")
    return tuple(dict.fromkeys(text for tag in tags if (text := text_of(content, tag))))


def _direction(values: tuple[float, ...]) -> tuple[float, ...] | None:
    return values if abs(math.hypot(*values) - 1) < _ROUNDED else None


def _moment(content: Any, clock: tuple[float | None, float | None]) -> float | None:
    series = clock_of(text_of(content, "SeriesTime"))
    time = next((value for value in (clock[0], series, clock[1]) if value is not None), None)
    dates = (text_of(content, tag) for tag in ("AcquisitionDate", "SeriesDate", "StudyDate"))
    day = next((number for text in dates if (number := day_of(text)) is not None), None)
    return None if day is None or time is None else day * _DAY + time


def _shared(value: Any) -> Any:
    return _SHARED.setdefault((type(value), value), value)
