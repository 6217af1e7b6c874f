"""Reads the voxels of slices, with slope and intercept applied."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.errors import DataError, XdistillError
from xdistill.untrusted import VOLUME
from xdistill_dicom.reading.extra import pydicom, quiet, require
from xdistill_dicom.reading.header import Encoding, Header
from xdistill_dicom.reading.voxels import by_pydicom, by_simpleitk

_WHOLE_BYTES = (8, 16, 32)


def read_values(slices: Sequence[Header]) -> NDArray[np.generic]:
    """The voxels of a volume.

    Args:
        slices: in order, of one size.

    Returns:
        ``(columns, rows, slices)``: integers where slope and intercept are, of 16 bits where the values fit;
        float32 where they are not, or where a table of values is applied.

    Raises:
        DataError: naming the file, for one that cannot be decoded.
    """
    kind = _kind([header.encoding for header in slices])
    rows, columns = slices[0].size
    needed = len(slices) * rows * columns * kind.itemsize
    VOLUME.check(slices[0].file.parent, needed, error=DataError, what="the volume of this series")
    values = np.empty((len(slices), *slices[0].size), kind)

    with quiet():
        for place, header in enumerate(slices):
            values[place] = _slice(header)
    return _narrow(values).transpose(2, 1, 0)


def _kind(encodings: Sequence[Encoding]) -> np.dtype[Any]:
    """What holds all values of a volume without loss, if they are integers of up to 32 bits."""
    plain = all((encoding.slope, encoding.intercept, encoding.table) == (1.0, 0.0, False) for encoding in encodings)
    if plain:
        return np.result_type(*{_stored(encoding) for encoding in encodings})
    integral = all(
        encoding.slope.is_integer() and encoding.intercept.is_integer() and not encoding.table for encoding in encodings
    )
    reach = max(2.0**encoding.stored * abs(encoding.slope) + abs(encoding.intercept) for encoding in encodings)
    return np.dtype(np.int32 if integral and reach < 2**31 else np.float32)


def _stored(encoding: Encoding) -> np.dtype[Any]:
    return np.dtype(f"{'i' if encoding.signed else 'u'}{encoding.bits // 8}" if encoding.bits in _WHOLE_BYTES else "f4")


def _narrow(values: NDArray[Any]) -> NDArray[Any]:
    """16 bits where they suffice."""
    limits = np.iinfo(np.int16)
    if values.dtype == np.int32 and limits.min <= values.min() and values.max() <= limits.max:
        return values.astype(np.int16)
    return values


def _slice(header: Header) -> NDArray[Any]:
    try:
        return _native(header) if header.offset and header.encoding.bits in _WHOLE_BYTES else _decoded(header)
    except XdistillError:
        raise
    except Exception as error:  # noqa: BLE001  # decoders raise various errors on invalid bytes
        raise DataError(
            f"{header.file}: its pixel data cannot be decoded ({type(error).__name__}): copy the file again"
        ) from None


def _native(header: Header) -> NDArray[Any]:
    """Voxels that are stored as they are: their place in the file is known from its header."""
    encoding = header.encoding
    stored = _stored(encoding).newbyteorder("<")
    count = header.size[0] * header.size[1]
    values: NDArray[Any] = np.fromfile(header.file, stored, count, offset=header.offset)
    if encoding.table:
        return _decoded(header)
    return _rescaled(_extended(values.reshape(header.size), encoding), encoding)


def _extended(values: NDArray[Any], encoding: Encoding) -> NDArray[Any]:
    """Signed values whose sign stands in the highest bit that is used, spread to those that are not."""
    unused = encoding.bits - encoding.stored
    if not (encoding.signed and unused and encoding.high == encoding.stored - 1):
        return values
    spread: NDArray[Any] = (values << unused) >> unused
    return spread


def _rescaled(values: NDArray[Any], encoding: Encoding) -> NDArray[Any]:
    if (encoding.slope, encoding.intercept) == (1.0, 0.0):
        return values
    scaled: NDArray[Any] = values.astype(np.float64) * encoding.slope + encoding.intercept
    return scaled


def _decoded(header: Header) -> NDArray[Any]:
    library = pydicom()
    pixels = require("pydicom.pixels")
    if header.frame:
        frame = np.array(pixels.pixel_array(header.file, index=header.frame - 1))
        return _rescaled(_extended(frame, header.encoding), header.encoding)
    if not by_pydicom(header.encoding.syntax) and header.encoding.syntax in by_simpleitk():
        return _by_simpleitk(header.file)
    content = library.dcmread(header.file)
    if "PixelData" not in content:
        raise DataError(f"{header.file}: no pixel data")
    values = _extended(np.array(content.pixel_array), header.encoding)
    return np.asarray(pixels.apply_modality_lut(values, content))


def _by_simpleitk(file: Path) -> NDArray[Any]:
    """For syntaxes that pydicom needs further libraries for; slope and intercept are applied."""
    library = require("SimpleITK")
    library.ProcessObject.SetGlobalWarningDisplay(False)  # noqa: FBT003 -- positional in C++; warnings could hold names
    values: NDArray[Any] = library.GetArrayFromImage(library.ReadImage(str(file)))
    return values.squeeze(axis=0)
