"""Reads NIfTI files and NumPy arrays; rejects files that are damaged or not volumes."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.errors import DataError, XdistillError
from xdistill.interfaces import Space
from xdistill.untrusted import VOLUME, check_arrays, gunzip, open_regular, read_bytes
from xdistill_mri.preprocess.extra import require
from xdistill_mri.preprocess.folder import read_folder, space_of_folder
from xdistill_mri.preprocess.source import SUFFIXES, VolumeSource
from xdistill_mri.preprocess.volume import Volume

_NO_TRANSFORM = (
    "this file has no spatial transform (its sform and qform codes are 0) and none is invented: leave the setting "
    "out (margin_voxels instead of margin), or write the true transform into the file"
)
_NO_SPACING = "arrays do not hold it: leave the setting out, or set `spacing_of_arrays`"
# Millimetres of each NIfTI unit. For a file with a transform and no unit it is mm, the unit of the standard's
# coordinate systems.
_MILLIMETRES = {"unknown": 1.0, "mm": 1.0, "meter": 1000.0, "micron": 0.001}
_VOLUME_DIMENSIONS = 3
_NIFTI2_HEADER = 540  # bytes; such a file also begins with it
_ARRAY_MAGIC = (b"\x93NUMPY", b"PK\x03\x04")


def read_volume(
    file: Path, *, spacing_of_arrays: tuple[float, float, float] | None = None, array: str | None = None
) -> Volume:
    """Read a .nii, .nii.gz, .npy or .npz file, or a folder of DICOM files; arrays are ``(depth, height, width)``.

    Args:
        file: the file.
        spacing_of_arrays: mm along depth, height and width, for .npy and .npz.
        array: which array of an .npz file; None for the only one.

    Raises:
        DataError: for a file that is missing, damaged, or does not hold one 3-D volume of numbers.
        UserError: if nibabel is needed and not installed.
    """
    if file.is_dir():
        return read_folder(file)
    name = file.name.lower()
    if name.endswith((".nii", ".nii.gz")):
        return _read_nifti(file)
    values = np.ascontiguousarray(_volume_of(_read_array(file, array), file).transpose(2, 1, 0))
    affine = None if spacing_of_arrays is None else np.diag([*reversed(spacing_of_arrays), 1.0])
    return Volume(values, file, affine, unknown=_NO_SPACING)


def space_of(source: VolumeSource, spacing_of_arrays: tuple[float, float, float] | None) -> Space:
    """The grid of a file; of a NIfTI file, the header alone is read.

    Raises:
        DataError: for a file that is missing or damaged.
        UserError: if nibabel is needed and not installed.
    """
    if source.file.is_dir():
        return space_of_folder(source.file)
    if not source.file.name.lower().endswith((".nii", ".nii.gz")):
        volume = read_volume(source.file, spacing_of_arrays=spacing_of_arrays, array=source.array)
        return Space(volume.values.shape, volume.affine, None)
    nibabel = require("nibabel")
    open_regular(source.file).close()
    with _damage_reported(source.file), _quiet(nibabel.imageglobals.logger):
        header = nibabel.load(source.file).header
        affine = _affine_of(header, source.file)
    return Space(tuple(int(length) for length in header.get_data_shape()[:_VOLUME_DIMENSIONS]), affine, None)


def orientation_of(file: Path) -> str | None:
    """Anatomical directions of the axes of a NIfTI file, such as ``RAS``, from its header; None if it states none.

    Raises:
        DataError: for a file that is missing or damaged.
        UserError: if nibabel is not installed.
    """
    if file.is_dir():
        return "".join(require("nibabel").aff2axcodes(space_of_folder(file).affine))
    if not file.name.lower().endswith((".nii", ".nii.gz")):
        return None
    nibabel = require("nibabel")
    open_regular(file).close()
    with _damage_reported(file), _quiet(nibabel.imageglobals.logger):
        affine = _affine_of(nibabel.load(file).header, file)
    return None if affine is None else "".join(nibabel.aff2axcodes(affine))


def _read_nifti(file: Path) -> Volume:
    nibabel = require("nibabel")
    with _damage_reported(file), _quiet(nibabel.imageglobals.logger):
        content = read_bytes(file, VOLUME)
        if file.name.lower().endswith(".gz"):
            # The whole file, so that gzip's checksum is verified; nibabel stops before it.
            content = gunzip(content, file, VOLUME, declared=partial(_declared_size, nibabel))
        image = _nifti_class(nibabel, content).from_bytes(content)
        _check_length(image, len(content), file)
        values = np.asanyarray(image.dataobj)
        affine = _affine_of(image.header, file)
    while values.ndim > _VOLUME_DIMENSIONS and values.shape[-1] == 1:
        # Some programs write a single volume as a series of length one.
        values = values[..., 0]
    return Volume(_volume_of(values, file), file, affine, oriented=affine is not None, unknown=_NO_TRANSFORM)


def _nifti_class(nibabel: Any, content: bytes) -> Any:
    # The header's size, in either byte order, tells the two versions of the format apart.
    second = content[:4] in (_NIFTI2_HEADER.to_bytes(4, "little"), _NIFTI2_HEADER.to_bytes(4, "big"))
    return nibabel.Nifti2Image if second else nibabel.Nifti1Image


def _declared_size(nibabel: Any, head: bytes) -> int:
    """Bytes of a NIfTI file, as its header states."""
    header = _nifti_class(nibabel, head).header_class.from_fileobj(io.BytesIO(head), check=False)
    voxels = prod(int(extent) for extent in header.get_data_shape())
    return int(header.get_data_offset()) + voxels * int(header.get_data_dtype().itemsize)


def _check_length(image: Any, length: int, file: Path) -> None:
    """Checked before memory is allocated: a damaged header can state any number of voxels."""
    promised = prod(int(extent) for extent in image.shape) * int(image.get_data_dtype().itemsize)
    held = length - int(image.dataobj.offset)
    if promised > held:
        raise DataError(
            f"{file}: is damaged or incomplete: its header states {promised} bytes of voxels, but it holds "
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
        content = read_bytes(file, VOLUME)
        if not content.startswith(_ARRAY_MAGIC):
            raise DataError(f"{file}: is damaged or not a {_kind(file)} file (its first bytes are wrong)")
        check_arrays(content, file, VOLUME)
        loaded = np.load(io.BytesIO(content), allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            return np.asarray(loaded[_array_name(loaded.files, array, file)])


def _array_name(names: list[str], wanted: str | None, file: Path) -> str:
    held = ", ".join(names) or "none"
    if wanted is not None:
        if wanted not in names:
            raise DataError(f"{file}: no array {wanted!r}; it holds {held}")
        return wanted
    if len(names) != 1:
        raise DataError(f"{file}: holds {len(names)} arrays ({held}); select one with `array`")
    return names[0]


def _volume_of(values: NDArray[Any], file: Path) -> NDArray[np.float32]:
    if values.ndim != _VOLUME_DIMENSIONS:
        shape = " x ".join(str(length) for length in values.shape) or "a single number"
        raise DataError(f"{file}: holds {values.ndim} dimensions ({shape}); a 3-D volume is needed")
    if values.dtype.kind not in "biuf":
        raise DataError(f"{file}: holds values of type {values.dtype}, which are not grey values")
    if values.size == 0:
        raise DataError(f"{file}: holds no voxel ({' x '.join(str(length) for length in values.shape)})")
    with np.errstate(over="ignore", invalid="ignore"):  # values too large become infinite, and are rejected as such
        return np.ascontiguousarray(values, dtype=np.float32)


@contextmanager
def _damage_reported(file: Path) -> Iterator[None]:
    try:
        yield
    except (XdistillError, MemoryError):
        raise
    except Exception as error:  # decoders raise various errors on invalid bytes
        raise DataError(_damaged(file, error)) from error


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Silence nibabel's remarks on headers, which do not name the file and would break the progress display."""
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)


def _damaged(file: Path, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{file}: no such file"
    if isinstance(error, PermissionError):
        return f"{file}: permission denied"
    if isinstance(error, ValueError) and "allow_pickle" in str(error):
        return f"{file}: holds Python objects, which are never loaded; save it as a plain array of numbers"
    reason = str(error).strip().splitlines()
    return f"{file}: is damaged or not a {_kind(file)} file ({reason[0] if reason else type(error).__name__})"


def _kind(file: Path) -> str:
    return next((suffix for suffix in SUFFIXES[::-1] if file.name.lower().endswith(suffix)), "volume")
