"""Where a file holds its voxels; or, if it is not a slice of a volume, why."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, BinaryIO, Final

from xdistill_dicom.reading.extra import pydicom, require
from xdistill_dicom.reading.values import text_of, whole_of

NO_IMAGE: Final = "no pixel data: not an image, but"
"""How the problem of a file begins that may lie next to the images of a volume, such as a report."""
UNSTATED: Final = "1.2.840.10008.1.2"
"""The transfer syntax of files that state none: implicit, little endian."""

_EXPLICIT: Final = "1.2.840.10008.1.2.1"
_PLAIN: Final = (UNSTATED, _EXPLICIT)  # little endian, not compressed
_DEFLATED: Final = "1.2.840.10008.1.2.1.99"
_TAGS: Final = (b"\xe0\x7f\x10\x00", b"\x7f\xe0\x00\x10")  # of pixel data, in little and big endian
_HEAD: Final = 12  # bytes of tag, type and length
_LENGTH_AT: Final = {True: 8, False: 4}  # bytes from the tag to the length, by whether the type is explicit
_UNDEFINED: Final = 0xFFFFFFFF
_BYTE: Final = 8


@dataclass(frozen=True)
class Voxels:
    """The voxels of a file.

    Attributes:
        offset: where they begin, in bytes; 0 if they are not stored as they are.
        size: bytes of one image.
        problem: why the file is not a slice of a volume; empty if it may be one.
    """

    offset: int = 0
    size: int = 0
    problem: str = ""


def find_voxels(stream: BinaryIO, content: Any) -> Voxels:
    """Find the voxels of a file.

    Args:
        stream: of the file, at the pixel data, where pydicom stops.
        content: the elements before.
    """
    wrong = _wrong_kind(content)
    if wrong:
        return Voxels(problem=wrong)
    frames = max(whole_of(content, "NumberOfFrames"), 1)
    syntax = str(content.file_meta.get("TransferSyntaxUID", UNSTATED))
    if syntax == _DEFLATED:
        return Voxels()  # the file is compressed as a whole; an absence of voxels is found when they are read
    at = stream.tell()
    head = stream.read(_HEAD)
    if head[:4] not in _TAGS:
        return Voxels(problem="no pixel data")
    if syntax not in _PLAIN:
        return Voxels(problem=_undecodable(syntax, several=frames > 1))
    begin = _LENGTH_AT[syntax == _EXPLICIT]
    length = int.from_bytes(head[begin : begin + 4], "little")
    size = whole_of(content, "Rows") * whole_of(content, "Columns") * whole_of(content, "BitsAllocated") // _BYTE
    held = stream.seek(0, 2) - (at + begin + 4)
    if length == _UNDEFINED or min(length, held) < size * frames:
        stated = f"{size * frames} bytes of pixel data are stated, {min(length, held)} are there"
        return Voxels(problem=f"incomplete: {stated}")
    return Voxels(at + begin + 4, size)


def _wrong_kind(content: Any) -> str:
    if not whole_of(content, "Rows") or not whole_of(content, "Columns"):
        return _no_image(content)
    if whole_of(content, "NumberOfFrames") > 1 and not content.get("PerFrameFunctionalGroupsSequence"):
        return "several frames in one file, whose positions are not stated"
    if (whole_of(content, "SamplesPerPixel") or 1) != 1:
        return "colour images, not grey values"
    if "MOSAIC" in text_of(content, "ImageType").upper().split("\\"):
        return "all slices in one image (mosaic); convert it to NIfTI, such as with dcm2niix"
    return ""


def _no_image(content: Any) -> str:
    name = str(getattr(content.get("SOPClassUID"), "name", "")).removesuffix(" Storage")
    if name and "Image" not in name:
        return f"{NO_IMAGE} {name}"
    return "no rows and columns" if name else "cannot be read: damaged or empty"


@lru_cache
def _undecodable(syntax: str, *, several: bool) -> str:
    """Why voxels that are compressed cannot be read; empty if they can."""
    uid = pydicom().uid.UID(syntax)
    if by_pydicom(syntax) or (uid in by_simpleitk() and not several):
        return ""
    name = f"{uid.name} ({syntax})" if uid.name != syntax else syntax
    return f"no decoder for its compressed transfer syntax, {name}; decompress it, as with gdcmconv"


def by_pydicom(syntax: str) -> bool:
    """Whether pydicom decodes a transfer syntax with what is installed."""
    try:
        return bool(require("pydicom.pixels").get_decoder(pydicom().uid.UID(syntax)).is_available)
    except NotImplementedError:
        return False


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
