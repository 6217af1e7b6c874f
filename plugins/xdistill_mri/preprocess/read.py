"""Reads NIfTI files and NumPy arrays; rejects files that are damaged or not volumes."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
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

NO_TRANSFORM = (
    "this file has no spatial transform (its sform and qform codes are 0) and none is invented: leave the setting "
    "out (margin_voxels instead of margin), or write the true transform into the file"
)
NO_SPACING = "arrays do not hold it: leave the setting out, or set `spacing_of_arrays`"
# Millimetres of each NIfTI unit; mm, the unit of the standard's coordinate systems, where none is stated.
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
    values = np.ascontiguousarray(volume_of(read_array(file, array), file).transpose(2, 1, 0))
    affine = None if spacing_of_arrays is None else np.diag([*reversed(spacing_of_arrays), 1.0])
    return Volume(values, file, affine, unknown=NO_SPACING)


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
    header = _header_of(source.file)
    with damage_reported(source.file):
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
    header = _header_of(file)
    with damage_reported(file):
        affine = _affine_of(header, file)
    return None if affine is None else "".join(require("nibabel").aff2axcodes(affine))


def _header_of(file: Path) -> Any:
    """The header of a NIfTI file; raises as `space_of`."""
    with open_regular(file) as stream:
        stat = os.fstat(stream.fileno())
    return _loaded_header(file, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=16)  # an importer asks several times for the files of one subject
def _loaded_header(file: Path, _changed: int, _size: int) -> Any:
    nibabel = require("nibabel")
    with damage_reported(file), quiet(nibabel.imageglobals.logger):
        return nibabel.load(file).header


def _read_nifti(file: Path) -> Volume:
    values, affine = read_nifti(file)
    return Volume(volume_of(values, file), file, affine, oriented=affine is not None, unknown=NO_TRANSFORM)


def read_nifti(file: Path) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
    """The values of a NIfTI file, ``(x, y, z)`` with further axes, and its affine; None if it states none.

    Raises:
        DataError: for a file that is missing or damaged.
        UserError: if nibabel is not installed.
    """
    nibabel = require("nibabel")
    with damage_reported(file), quiet(nibabel.imageglobals.logger):
        content = read_bytes(file, VOLUME)
        if file.name.lower().endswith(".gz"):
            # The whole file, so that gzip's checksum is verified; nibabel stops before it.
            content = gunzip(content, file, VOLUME, declared=partial(_declared_size, nibabel))
        image = _nifti_class(nibabel, content).from_bytes(content)
        _check_length(image, len(content), file)
        values = np.asanyarray(image.dataobj)
        affine = _affine_of(image.header, file)
    while values.ndim > _VOLUME_DIMENSIONS and values.shape[-1] == 1:
        values = values[..., 0]  # some programs write a single volume as a series of length one
    return values, affine


def _nifti_class(nibabel: Any, content: bytes) -> Any:
    # The header's size, in either byte order, tells the two versions of the format apart.
    second = content[:4] in (_NIFTI2_HEADER.to_bytes(4, "little"), _NIFTI2_HEADER.to_bytes(4, "big"))
    return nibabel.Nifti2Image if second else nibabel.Nifti1Image


def _declared_size(nibabel: Any, head: bytes) -> int:
    """Bytes of a NIfTI file, as its header states."""
    kind = _nifti_class(nibabel, head).header_class  # of the header alone: extensions may be longer than the head
    header = kind(head[: kind.sizeof_hdr], check=False)
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


def transform_problem(file: Path) -> str:
    """What is wrong with one spatial transform of a NIfTI file whose other one is used; empty if nothing is."""
    if not file.name.lower().endswith((".nii", ".nii.gz")):
        return ""
    header = _header_of(file)
    with damage_reported(file):
        used, problems = _transforms(header)
    return f"{' and '.join(problems)}, so the {used[0]} is used" if used is not None and problems else ""


def _affine_of(header: Any, file: Path) -> NDArray[np.float64] | None:
    used, problems = _transforms(header)
    if used is None and problems:
        raise DataError(f"{file}: {' and '.join(problems)}, so it has no valid spatial transform; repair the header")
    return None if used is None else used[1]


def _transforms(header: Any) -> tuple[tuple[str, NDArray[np.float64]] | None, list[str]]:
    """The first valid transform with its name, and what is wrong with others.

    The sform goes before the qform, as nifti1.h recommends where both are set.
    """
    used: tuple[str, NDArray[np.float64]] | None = None
    problems: list[str] = []
    for name, read in (("sform", header.get_sform), ("qform", header.get_qform)):
        if int(header[f"{name}_code"]) == 0:
            continue
        try:
            affine = np.array(read(), dtype=np.float64)
        except ValueError as error:  # a quaternion longer than 1
            problems.append(f"the {name} is damaged ({error})")
            continue
        affine[:3] *= _MILLIMETRES.get(header.get_xyzt_units()[0], 1.0)
        if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < np.finfo(np.float32).tiny:
            problems.append(f"the {name} is singular")
        elif used is None:
            used = name, affine
    return used, problems


def read_array(file: Path, array: str | None) -> NDArray[Any]:
    """The values of a .npy file, or of one array of a .npz file.

    Raises:
        DataError: for a file that is missing or damaged, or lacks the array.
    """
    with damage_reported(file):
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


def volume_of(values: NDArray[Any], file: Path) -> NDArray[np.float32]:
    """The values of one volume, ``(x, y, z)``, as float32.

    Raises:
        DataError: for values that are not one volume of numbers.
    """
    check_volume(values, file)
    with np.errstate(over="ignore", invalid="ignore"):  # values too large become infinite, and are rejected as such
        return np.ascontiguousarray(values, dtype=np.float32)


def check_volume(values: NDArray[Any], file: Path) -> None:
    """Check that values are one volume of numbers.

    Raises:
        DataError: if they are not.
    """
    if values.ndim != _VOLUME_DIMENSIONS:
        shape = " x ".join(str(length) for length in values.shape) or "a single number"
        raise DataError(
            f"{file}: holds {values.ndim} dimensions ({shape}); a 3-D volume is needed{_setting(values.ndim)}"
        )
    if values.dtype.kind not in "biuf":
        raise DataError(f"{file}: holds values of type {values.dtype}, which are not grey values")
    if values.size == 0:
        raise DataError(f"{file}: holds no voxel ({' x '.join(str(length) for length in values.shape)})")


def _setting(dimensions: int) -> str:
    if dimensions == _VOLUME_DIMENSIONS + 1:
        return "; set `channel` to the number of one, counted from 0, or to all (of arrays, set `channels` as well)"
    return "; for pictures, set `kind: image`" if dimensions == _VOLUME_DIMENSIONS - 1 else ""


@contextmanager
def damage_reported(file: Path) -> Iterator[None]:
    """Turn whatever a decoder raises into a `DataError` that names the file."""
    try:
        yield
    except (XdistillError, MemoryError):
        raise
    except Exception as error:  # decoders raise various errors on invalid bytes
        raise DataError(_damaged(file, error)) from error


@contextmanager
def quiet(logger: logging.Logger) -> Iterator[None]:
    """Silence nibabel's remarks on headers, which do not name the file and would break the progress display."""
    before = logger.disabled
    logger.disabled = True  # not its level: to change that clears the caches of all loggers
    try:
        yield
    finally:
        logger.disabled = before


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
