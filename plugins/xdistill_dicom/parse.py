"""Reads the header of one file."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO, Final

from xdistill.errors import DataError
from xdistill.untrusted import open_regular
from xdistill_dicom.extra import pydicom, require
from xdistill_dicom.header import MARKS, TAGS, Encoding, Header

NO_IMAGE: Final = "no pixel data: it is no image but"
"""How the problem of a file begins that may lie next to the images of a volume, such as a report."""

_PREAMBLE: Final = 128
_MAGIC: Final = b"DICM"
_PIXELS: Final = (b"\xe0\x7f\x10\x00", b"\x7f\xe0\x00\x10")  # little and big endian
_LENGTH_AT: Final = {True: 8, False: 4}  # bytes from the tag to the length, by whether the type is explicit
_UNDEFINED: Final = 0xFFFFFFFF
_IMPLICIT: Final = "1.2.840.10008.1.2"
_EXPLICIT: Final = "1.2.840.10008.1.2.1"
_PLAIN: Final = (_IMPLICIT, _EXPLICIT)  # little endian, not compressed
_DEFLATED: Final = "1.2.840.10008.1.2.1.99"
_BYTE: Final = 8
_DATE_LENGTH: Final = 8
_DAY: Final = 86400
_AXES: Final = 3
_SHARED: dict[Any, Any] = {}  # values that many headers have in common are kept once


def is_dicom(file: Path) -> bool:
    """Whether a file begins as the format demands."""
    try:
        with open_regular(file) as stream:
            return stream.read(_PREAMBLE + len(_MAGIC))[_PREAMBLE:] == _MAGIC
    except (DataError, OSError):
        return False


def read_header(file: Path) -> Header | None:
    """The header of a file; None for a file of another format, and for a DICOMDIR."""
    library = pydicom()
    try:
        with open_regular(file) as stream:
            if stream.read(_PREAMBLE + len(_MAGIC))[_PREAMBLE:] != _MAGIC:
                return None
            stream.seek(0)
            content = library.dcmread(stream, stop_before_pixels=True, specific_tags=list(TAGS))
            if "DirectoryStorage" in str(getattr(content.file_meta.get("MediaStorageSOPClassUID"), "keyword", "")):
                return None
            return _header(file, content, *_voxels(stream, content))
    except DataError:  # what is no regular file cannot be a DICOM file
        return None
    except OSError as error:
        return _unreadable(file, error.strerror or "cannot be read")
    except Exception as error:  # noqa: BLE001 -- the library raises various errors on invalid bytes
        return _unreadable(file, f"is damaged ({type(error).__name__})")


def _unreadable(file: Path, why: str) -> Header:
    return Header(file, "", (), "", "", "", problem=f"cannot be read: {why}")


def _header(file: Path, content: Any, offset: int, problem: str) -> Header:
    position, orientation = _numbers(content, "ImagePositionPatient"), _numbers(content, "ImageOrientationPatient")
    spacing = _numbers(content, "PixelSpacing")
    day = _day(_text(content, "StudyDate") or _text(content, "SeriesDate") or _text(content, "AcquisitionDate"))
    clock = _clock(_text(content, "AcquisitionTime")), _clock(_text(content, "ContentTime"))
    return Header(
        file,
        _shared("\0".join((_text(content, "PatientID"), _text(content, "IssuerOfPatientID")))),
        _shared(_identity(content)),
        _shared(_text(content, "StudyInstanceUID")),
        _shared(_text(content, "SeriesInstanceUID")),
        _text(content, "SOPInstanceUID"),
        moment=_moment(content, clock),
        day=day,
        clock=clock,
        modality=_shared(_text(content, "Modality")),
        kind=_shared(tuple(_text(content, "ImageType").upper().split("\\"))),
        description=_shared(_text(content, "SeriesDescription")),
        protocol=_shared(_text(content, "ProtocolName")),
        contrast=bool(_text(content, "ContrastBolusAgent")),
        marks=_shared(tuple(_text(content, mark) for mark in MARKS)),
        position=position[:_AXES] if len(position) == _AXES else None,
        rows_along=_shared(_direction(orientation[:_AXES])) if len(orientation) == 2 * _AXES else None,
        columns_along=_shared(_direction(orientation[_AXES:])) if len(orientation) == 2 * _AXES else None,
        spacing=_shared(spacing) if len(spacing) == 2 and min(spacing) > 0 else None,  # noqa: PLR2004  # rows and columns
        size=_shared((_whole(content, "Rows"), _whole(content, "Columns"))),
        encoding=_shared(_encoding(content)),
        offset=offset,
        problem=problem,
    )


def _voxels(stream: BinaryIO, content: Any) -> tuple[int, str]:
    """Where the voxels begin, if they are stored as they are, and why the file is no slice of a volume."""
    wrong = _wrong_kind(content)
    if wrong:
        return 0, wrong
    syntax = str(content.file_meta.get("TransferSyntaxUID", _IMPLICIT))
    if syntax == _DEFLATED:
        return 0, ""  # the file is compressed as a whole; an absence of voxels is found when they are read
    at = stream.tell()
    head = stream.read(12)
    if head[:4] not in _PIXELS:
        return 0, "no pixel data"
    if syntax not in _PLAIN:
        return 0, _undecodable(syntax)
    begin = _LENGTH_AT[syntax == _EXPLICIT]
    length = int.from_bytes(head[begin : begin + 4], "little")
    needed = _whole(content, "Rows") * _whole(content, "Columns") * _whole(content, "BitsAllocated") // _BYTE
    held = stream.seek(0, 2) - (at + begin + 4)
    if length == _UNDEFINED or min(length, held) < needed:
        return 0, f"incomplete: {needed} bytes of pixel data are stated, {min(length, held)} are there"
    return at + begin + 4, ""


def _wrong_kind(content: Any) -> str:
    if not _whole(content, "Rows") or not _whole(content, "Columns"):
        return _no_image(content)
    if (_whole(content, "NumberOfFrames") or 1) > 1:
        return "several frames in one file (enhanced DICOM); convert it to NIfTI, such as with dcm2niix"
    if (_whole(content, "SamplesPerPixel") or 1) != 1:
        return "colour images, not grey values"
    return ""


def _no_image(content: Any) -> str:
    name = str(getattr(content.get("SOPClassUID"), "name", "")).removesuffix(" Storage")
    if name and "Image" not in name:
        return f"{NO_IMAGE} {name}"
    return "no rows and columns" if name else "cannot be read: is damaged, or holds nothing"


def _undecodable(syntax: str) -> str:
    """Why voxels that are compressed cannot be read; empty if they can."""
    if syntax in _SHARED:
        return str(_SHARED[syntax])
    library = pydicom()
    uid = library.uid.UID(syntax)
    try:
        decodable = bool(require("pydicom.pixels").get_decoder(uid).is_available) or uid in by_simpleitk()
    except NotImplementedError:
        decodable = False
    name = f"{uid.name} ({syntax})" if uid.name != syntax else syntax
    why = "" if decodable else f"no decoder for its compressed transfer syntax, {name}; decompress it, as with gdcmconv"
    _SHARED[syntax] = why
    return why


def by_simpleitk() -> tuple[str, ...]:
    """Transfer syntaxes that SimpleITK decodes without further libraries."""
    known = pydicom().uid
    return (
        known.JPEGBaseline8Bit,
        known.JPEGExtended12Bit,
        known.JPEGLossless,
        known.JPEGLosslessSV1,
        known.JPEGLSLossless,
        known.JPEGLSNearLossless,
        known.JPEG2000Lossless,
        known.JPEG2000,
        known.RLELossless,
    )


def _encoding(content: Any) -> Encoding:
    slope, intercept = _numbers(content, "RescaleSlope"), _numbers(content, "RescaleIntercept")
    bits = _whole(content, "BitsAllocated")
    stored = _whole(content, "BitsStored") or bits
    return Encoding(
        str(content.file_meta.get("TransferSyntaxUID", _IMPLICIT)),
        bits,
        stored,
        _whole(content, "HighBit") or stored - 1,
        _whole(content, "PixelRepresentation") == 1,
        slope[0] if slope else 1.0,
        intercept[0] if intercept else 0.0,
        "ModalityLUTSequence" in content,
    )


def _identity(content: Any) -> tuple[str, ...]:
    tags = ("PatientName", "PatientID", "OtherPatientIDs", "PatientBirthDate", "AccessionNumber")
    return tuple(dict.fromkeys(text for tag in tags if (text := _text(content, tag))))


def _direction(values: tuple[float, ...]) -> tuple[float, ...] | None:
    length = math.hypot(*values)
    return tuple(value for value in values) if abs(length - 1) < 0.01 else None  # noqa: PLR2004  # rounded decimals


def _moment(content: Any, clock: tuple[float | None, float | None]) -> float | None:
    series = _clock(_text(content, "SeriesTime"))
    time = next((value for value in (clock[0], series, clock[1]) if value is not None), None)
    dates = (_text(content, tag) for tag in ("AcquisitionDate", "SeriesDate", "StudyDate"))
    day = next((number for text in dates if (number := _day(text)) is not None), None)
    return None if day is None or time is None else day * _DAY + time


def _day(text: str) -> int | None:
    digits = text.replace(".", "").replace("-", "")[:_DATE_LENGTH]
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8])).toordinal()
    except ValueError:
        return None


def _clock(text: str) -> float | None:
    digits = text.replace(":", "").strip()
    try:
        seconds = int(digits[:2]) * 3600 + int(digits[2:4] or 0) * 60 + float(digits[4:] or 0)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


def _text(content: Any, tag: str) -> str:
    value = content.get(tag)
    if value is None:
        return ""
    if isinstance(value, (list, tuple)) or type(value).__name__ == "MultiValue":
        return "\\".join(str(item) for item in value)
    return str(value).strip(" \0")


def _numbers(content: Any, tag: str) -> tuple[float, ...]:
    try:
        values = tuple(float(item) for item in _text(content, tag).split("\\") if item.strip())
    except ValueError:
        return ()
    return values if all(map(math.isfinite, values)) else ()


def _whole(content: Any, tag: str) -> int:
    try:
        return int(float(_text(content, tag).split("\\")[0] or 0))
    except (ValueError, OverflowError):
        return 0


def _shared(value: Any) -> Any:
    return _SHARED.setdefault((type(value), value), value)
