"""Reading NIfTI files and numpy arrays, refusing what is damaged or no volume."""

from __future__ import annotations

import gzip
import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.errors import DataError, XdistillError
from xdistill_mri.preprocess.extra import require
from xdistill_mri.preprocess.volume import Volume

SUFFIXES = (".nii", ".nii.gz", ".npy", ".npz")

_NO_TRANSFORM = (
    "this file has no spatial transform (its sform and qform codes are 0) and none is invented: leave the setting "
    "out (margin_voxels instead of margin), or write the true transform into the file"
)
_NO_SPACING = "arrays do not hold it: leave the setting out, or state spacing_of_arrays"
# Millimetres of each NIfTI unit. Where a file has a transform and leaves its unit open, mm is what the standard's
# coordinate systems are in.
_MILLIMETRES = {"unknown": 1.0, "mm": 1.0, "meter": 1000.0, "micron": 0.001}
_VOLUME_DIMENSIONS = 3
_NIFTI2_HEADER = 540  # bytes, which is also how such a file begins
_ARRAY_MAGIC = (b"\x93NUMPY", b"PK\x03\x04")


def read_volume(
    file: Path, *, spacing_of_arrays: tuple[float, float, float] | None = None, array: str | None = None
) -> Volume:
    """Read a .nii, .nii.gz, .npy or .npz file; arrays are ``(depth, height, width)``.

    Args:
        file: the file.
        spacing_of_arrays: mm along depth, height and width, for .npy and .npz.
        array: which array of an .npz file; None when it holds one only.

    Raises:
        DataError: naming the file, when it is missing, damaged, or does not hold one 3-D volume of numbers.
        UserError: when nibabel is needed and not installed.
    """
    name = file.name.lower()
    if name.endswith((".nii", ".nii.gz")):
        return _read_nifti(file)
    values = np.ascontiguousarray(_volume_of(_read_array(file, array), file).transpose(2, 1, 0))
    affine = None if spacing_of_arrays is None else np.diag([*reversed(spacing_of_arrays), 1.0])
    return Volume(values, file, affine, unknown=_NO_SPACING)


def _read_nifti(file: Path) -> Volume:
    nibabel = require("nibabel")
    with _damage_reported(file), _quiet(nibabel.imageglobals.logger):
        content = file.read_bytes()
        if file.name.lower().endswith(".gz"):
            # Whole and at once, so that gzip's checksum is compared: nibabel alone stops before it.
            content = gzip.decompress(content)
        image = _nifti_class(nibabel, content).from_bytes(content)
        _check_length(image, len(content), file)
        values = np.asanyarray(image.dataobj)
        affine = _affine_of(image.header, file)
    while values.ndim > _VOLUME_DIMENSIONS and values.shape[-1] == 1:
        # Some programs write a single volume as a series of one.
        values = values[..., 0]
    return Volume(_volume_of(values, file), file, affine, oriented=affine is not None, unknown=_NO_TRANSFORM)


def _nifti_class(nibabel: Any, content: bytes) -> Any:
    # The header's size, in either byte order, tells the two versions of the format apart.
    second = content[:4] in (_NIFTI2_HEADER.to_bytes(4, "little"), _NIFTI2_HEADER.to_bytes(4, "big"))
    return nibabel.Nifti2Image if second else nibabel.Nifti1Image


def _check_length(image: Any, length: int, file: Path) -> None:
    """Before memory is asked for: a damaged header can promise any number of voxels."""
    promised = prod(int(extent) for extent in image.shape) * int(image.get_data_dtype().itemsize)
    held = length - int(image.dataobj.offset)
    if promised > held:
        raise DataError(
            f"{file}: is damaged or incomplete: its header promises {promised} bytes of voxels, and it holds "
            f"{max(held, 0)}"
        )


def _affine_of(header: Any, file: Path) -> NDArray[np.float64] | None:
    for affine, code in (header.get_sform(coded=True), header.get_qform(coded=True)):
        if code == 0:
            continue
        unit = header.get_xyzt_units()[0]
        scaled = np.array(affine, dtype=np.float64)
        scaled[:3] *= _MILLIMETRES.get(unit, 1.0)
        if not np.isfinite(scaled).all() or abs(np.linalg.det(scaled[:3, :3])) < np.finfo(np.float32).tiny:
            raise DataError(f"{file}: its spatial transform is singular; repair the header")
        return scaled
    return None


def _read_array(file: Path, array: str | None) -> NDArray[Any]:
    with _damage_reported(file):
        content = file.read_bytes()
        if not content.startswith(_ARRAY_MAGIC):
            raise DataError(f"{file}: is damaged or no {_kind(file)} file (it does not begin like one)")
        loaded = np.load(io.BytesIO(content), allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            return np.asarray(loaded[_array_name(loaded.files, array, file)])


def _array_name(names: list[str], wanted: str | None, file: Path) -> str:
    held = ", ".join(names) or "none"
    if wanted is not None:
        if wanted not in names:
            raise DataError(f"{file}: there is no array {wanted!r} in it; it holds {held}")
        return wanted
    if len(names) != 1:
        raise DataError(f"{file}: holds {len(names)} arrays ({held}); say which with `array`, or keep one a file")
    return names[0]


def _volume_of(values: NDArray[Any], file: Path) -> NDArray[np.float32]:
    if values.ndim != _VOLUME_DIMENSIONS:
        shape = " x ".join(str(length) for length in values.shape) or "a single number"
        raise DataError(f"{file}: holds {values.ndim} dimensions ({shape}) where a 3-D volume is wanted")
    if values.dtype.kind not in "biuf":
        raise DataError(f"{file}: holds values of type {values.dtype}, which are no grey values")
    if values.size == 0:
        raise DataError(f"{file}: holds no voxel ({' x '.join(str(length) for length in values.shape)})")
    with np.errstate(over="ignore", invalid="ignore"):  # what is too large becomes infinite, and is refused as such
        return np.ascontiguousarray(values, dtype=np.float32)


@contextmanager
def _damage_reported(file: Path) -> Iterator[None]:
    try:
        yield
    except (XdistillError, MemoryError):
        raise
    except Exception as error:  # decoders fail in many ways on bytes that are not theirs
        raise DataError(_damaged(file, error)) from error


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Keep nibabel's remarks on headers, which do not say of which file, from between the lines of the progress."""
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)


def _damaged(file: Path, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{file}: there is no such file"
    if isinstance(error, PermissionError):
        return f"{file}: may not be read (permissions)"
    if isinstance(error, ValueError) and "allow_pickle" in str(error):
        return f"{file}: holds Python objects, which are never loaded; save it as a plain array of numbers"
    reason = str(error).strip().splitlines()
    return f"{file}: is damaged or no {_kind(file)} file ({reason[0] if reason else type(error).__name__})"


def _kind(file: Path) -> str:
    return next((suffix for suffix in SUFFIXES[::-1] if file.name.lower().endswith(suffix)), "volume")
