"""Reads an image of any format as one `Volume` for each of its channels; a picture is a volume of one slice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.errors import DataError
from xdistill.interfaces import Space
from xdistill.untrusted import open_regular
from xdistill_mri.preprocess import read
from xdistill_mri.preprocess.itk import ITK, orientation_of_itk, read_itk, space_of_itk
from xdistill_mri.preprocess.pictures import picture_size, read_png_or_jpeg
from xdistill_mri.preprocess.settings import Preprocess
from xdistill_mri.preprocess.source import PICTURES, Kind, VolumeSource, kind_of
from xdistill_mri.preprocess.tiff import read_tiff
from xdistill_mri.preprocess.volume import Volume

NIFTI = (".nii", ".nii.gz")
ARRAYS = (".npy", ".npz")

_LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue, ITU-R BT.601
_COLOURS = len(_LUMINANCE)
_THIN, _WIDE = (3, 4), 16  # an array of this last axis and these others is a picture with colours, not a volume
_SPACE = 3
_NONE = "this file does not state it: leave the setting out"


def kind_in(settings: Preprocess, file: Path) -> Kind:
    """Whether the file is read as a volume or as a picture."""
    return settings.kind or kind_of(file)


def read_channels(source: VolumeSource, settings: Preprocess) -> tuple[Volume, ...]:
    """The channels of an image as volumes on one grid.

    Raises:
        DataError: for a file that is missing, damaged, or does not hold what the settings say.
        UserError: if a required library is not installed.
    """
    file, kind = source.file, kind_in(settings, source.file)
    name = file.name.lower()
    if name.endswith(PICTURES):
        found = _picture(file, settings, kind)
    elif name.endswith(ITK):
        image = read_itk(file)
        found = Volume(image.values, file, image.affine, oriented=image.oriented, unknown=_NONE)
    elif name.endswith(NIFTI):
        values, affine = read.read_nifti(file)
        found = Volume(values, file, affine, oriented=affine is not None, unknown=read.NO_TRANSFORM)
    elif name.endswith(ARRAYS):
        found = _array(source, settings, kind)
    else:
        return (read.read_volume(file),)
    return _coloured(_chosen(found, settings, kind), settings)


def space_of(source: VolumeSource, settings: Preprocess) -> Space:
    """The grid of a file, where possible from its header alone; raises as `read_channels`."""
    name = source.file.name.lower()
    if name.endswith(PICTURES):
        return Space((*picture_size(source.file), 1), None, None)
    if name.endswith(ITK):
        return space_of_itk(source.file)
    if name.endswith(ARRAYS):
        volume = read_channels(source, settings)[0]
        return Space(volume.values.shape, volume.affine, None)
    return read.space_of(source, settings.spacing_of_arrays)


def orientation_of(file: Path) -> str | None:
    """Anatomical directions of the axes, such as ``RAS``, from the header; None if the file states none."""
    return orientation_of_itk(file) if file.name.lower().endswith(ITK) else read.orientation_of(file)


def _picture(file: Path, settings: Preprocess, kind: Kind) -> Volume:
    """Of a TIFF file, pages are the slices of a volume, or the channels of a picture if the settings say so."""
    if not file.name.lower().endswith((".tif", ".tiff")):
        pages = read_png_or_jpeg(file, colour=settings.colour)[None]
    else:
        pages = read_tiff(file, colour=settings.colour)
        if kind == "image" and len(pages) > 1:
            if settings.channels is None and settings.channel is None:
                raise DataError(
                    f"{file}: holds {len(pages)} pages; set `kind: volume` if they are slices, `channels: first` if "
                    f"they are channels, or `channel` to the number of one"
                )
            pages = np.moveaxis(pages, 0, -2).reshape(1, *pages.shape[1:3], -1)
    return Volume(pages.transpose(2, 1, 0, 3), file, unknown="pictures do not hold it: leave the setting out")


def _array(source: VolumeSource, settings: Preprocess, kind: Kind) -> Volume:
    file = source.file
    values = read.read_array(file, source.array) if source.row is None else _row(source)
    axes = _SPACE if kind == "volume" else _SPACE - 1
    if settings.channels is not None and values.ndim == axes + 1:
        values = np.moveaxis(values, 0, -1) if settings.channels == "first" else values
    elif values.ndim != axes:
        raise DataError(f"{file}: {_unfit(values, kind, settings)}")
    elif kind == "volume" and settings.kind is None and _looks_coloured(values):
        shape = " x ".join(map(str, values.shape))
        raise DataError(
            f"{file}: holds {shape} values, which look like a picture whose last axis is the colour: set `kind: image` "
            f"with `channels: last`, or `kind: volume` if the last axis is the width"
        )
    values = values.swapaxes(0, axes - 1)
    if kind == "image":
        values = np.expand_dims(values, 2)
    spacing = settings.spacing_of_arrays
    affine = None if spacing is None else np.diag([*reversed(spacing), 1.0])
    return Volume(values, file, affine, unknown=read.NO_SPACING)


def _unfit(values: NDArray[Any], kind: Kind, settings: Preprocess) -> str:
    shape = " x ".join(str(length) for length in values.shape) or "a single number"
    held = f"holds {values.ndim} dimensions ({shape})"
    if kind == "image":
        wanted = (
            "height and width" if settings.channels is None else f"height and width, and channels {settings.channels}"
        )
        return f"{held}; a picture has {wanted}; set `channels: first` or `channels: last` for one with channels"
    hint = {
        _SPACE + 1: "; if one axis holds channels, set `channels: first` or `channels: last`, and `channel`",
        _SPACE - 1: "; for pictures, set `kind: image`",
    }
    return f"{held}; a 3-D volume is needed{hint.get(values.ndim, '')}"


def _looks_coloured(values: NDArray[Any]) -> bool:
    *others, last = values.shape
    return last in _THIN and min(others) >= _WIDE


def _row(source: VolumeSource) -> NDArray[Any]:
    """One subject of an array that holds all."""
    with read.damage_reported(source.file), open_regular(source.file):
        stat = source.file.stat()
    whole = _whole(source.file, source.array, (stat.st_mtime_ns, stat.st_size))
    row = source.row or 0
    if row >= len(whole):
        raise DataError(f"{source.file}: has no row {row}; its array holds {len(whole)} rows, counted from 0")
    return np.asarray(whole[row])


@lru_cache(maxsize=1)  # a .npz file is decompressed once, and not for every subject
def _whole(file: Path, array: str | None, _changed: tuple[int, int]) -> NDArray[Any]:
    if file.name.lower().endswith(".npy"):
        with read.damage_reported(file):
            mapped: NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
        return mapped
    return read.read_array(file, array)


def _chosen(found: Volume, settings: Preprocess, kind: Kind) -> tuple[Volume, ...]:
    """The channels that the settings choose, scaled, as float32."""
    values = found.values
    if values.dtype.names and settings.channel is not None:  # colours of a NIfTI file
        coloured: Any = values
        values = np.stack([coloured[name] for name in values.dtype.names], axis=-1)
    if values.ndim == _SPACE - 1:
        values = values[..., None]
    channels = values.reshape(*values.shape[:_SPACE], -1) if values.ndim != _SPACE else values[..., None]
    if kind == "image" and values.shape[2:3] != (1,):
        shape = " x ".join(map(str, values.shape))
        raise DataError(f"{found.file}: holds {shape} values, which is not a picture; set `kind: volume`")
    count = channels.shape[-1]
    wanted: Sequence[int] = range(count)
    if isinstance(settings.channel, int):
        if settings.channel >= count:
            raise DataError(f"{found.file}: has no channel {settings.channel}; it has {count}, counted from 0")
        wanted = [settings.channel]
    elif settings.channel is None and kind == "volume" and settings.channels is None and settings.colour is None:
        if count > 1 or values.ndim == _SPACE:
            read.check_volume(values, found.file)  # refuses more than one
    elif values.ndim > _SPACE + 1:
        shape = " x ".join(map(str, values.shape))
        raise DataError(f"{found.file}: holds {shape} values, with {values.ndim - _SPACE} axes besides space; save one")
    factor = _factor(values.dtype, settings, kind)
    parts = (read.volume_of(channels[..., index], found.file) for index in wanted)
    return tuple(replace(found, values=part if factor == 1 else part * np.float32(factor)) for part in parts)


def _factor(dtype: np.dtype[Any], settings: Preprocess, kind: Kind) -> float:
    wanted = kind == "image" if settings.scale is None else settings.scale
    return 1 / np.iinfo(dtype).max if wanted and dtype in (np.uint8, np.uint16) else 1.0


def _coloured(channels: tuple[Volume, ...], settings: Preprocess) -> tuple[Volume, ...]:
    wanted = {"grey": 1, "rgb": _COLOURS}.get(settings.colour or "", len(channels))
    if wanted == len(channels):
        return channels
    if {wanted, len(channels)} != {1, _COLOURS}:
        raise DataError(
            f"{channels[0].file}: has {len(channels)} channels; `colour: {settings.colour}` takes files with 1 or 3"
        )
    if wanted == 1:
        parts = (np.float32(weight) * channel.values for weight, channel in zip(_LUMINANCE, channels, strict=True))
        return (channels[0].with_values(np.sum(list(parts), axis=0, dtype=np.float32)),)
    return channels * _COLOURS
