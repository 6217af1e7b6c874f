"""Reads TIFF files with tifffile: 8, 16 and 32 bit, grey and colour, one page or a stack."""

from __future__ import annotations

import io
import logging
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.errors import DataError
from xdistill.untrusted import VOLUME, read_bytes
from xdistill_mri.preprocess.extra import require_images
from xdistill_mri.preprocess.pictures import check_content, pixels, turned, without_opacity
from xdistill_mri.preprocess.read import damage_reported, quiet

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_PLAIN = {_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB}
_MOST = 2**30  # values of a file
_PLANE = 3  # axes of a page: height, width, samples


def read_tiff(file: Path, *, colour: str | None) -> NDArray[Any]:
    """The pixels of all pages, ``(pages, height, width, channels)``.

    Each page is turned as its orientation tag says, and white-is-zero is inverted. Palettes, CMYK and compressions
    that tifffile cannot read alone are left to Pillow.

    Raises:
        DataError: for a file that is missing, damaged, or holds pages of different sizes.
        UserError: if tifffile or Pillow is not installed.
    """
    tifffile = require_images("tifffile")
    with damage_reported(file), quiet(logging.getLogger("tifffile")):
        content = read_bytes(file, VOLUME)
        check_content(content, file)
        with tifffile.TiffFile(io.BytesIO(content)) as opened:
            pages = list(opened.pages)
            _check_pages(pages, file)
            if all(page.photometric in _PLAIN for page in pages):
                try:
                    return np.stack([_page(page, file, colour) for page in pages])
                except ValueError as error:
                    if "imagecodecs" not in str(error):
                        raise
    return _with_pillow(content, file, colour, pages=len(pages), bits=int(np.max(pages[0].bitspersample)))


def _check_pages(pages: list[Any], file: Path) -> None:
    shapes = {page.shape for page in pages}
    if len(shapes) != 1:
        raise DataError(f"{file}: holds {len(pages)} pictures of different sizes; save one")
    if prod(shapes.pop()) * len(pages) > _MOST:
        raise DataError(f"{file}: holds more than {_MOST} values; make it smaller")


def _page(page: Any, file: Path, colour: str | None) -> NDArray[Any]:
    """The pixels of a page, ``(height, width, channels)``."""
    values = page.asarray()
    if values is None or values.shape != page.shape:
        raise ValueError("its pixels are incomplete")
    if page.axes.startswith("S"):
        values = np.moveaxis(values, 0, -1)
    if values.dtype == np.bool_:
        values = values.astype(np.uint8) * np.uint8(255)
    if values.ndim < _PLANE:
        values = values[..., None]
    if page.photometric == _WHITE_IS_ZERO and values.dtype.kind == "u":
        values = np.iinfo(values.dtype).max - values
    values = turned(values, int(page.tags.valueof("Orientation", 1)))
    opacity = page.extrasamples and int(page.extrasamples[-1]) in {1, 2}
    return without_opacity(values, file, colour) if opacity else values


def _with_pillow(content: bytes, file: Path, colour: str | None, *, pages: int, bits: int) -> NDArray[Any]:
    with damage_reported(file):
        if pages > 1 or bits > 8:  # noqa: PLR2004 -- Pillow drops the lower bits of colours
            raise DataError(
                f"{file}: its compression or its colours cannot be read; install imagecodecs, or save it without "
                f"compression as grey or RGB"
            )
        return pixels(content, file, colour)[None]
