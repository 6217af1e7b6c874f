"""Reads PNG and JPEG files with Pillow: 8 and 16 bit, grey and colour, turned as their EXIF entry says."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.errors import DataError
from xdistill.untrusted import VOLUME, open_regular, read_bytes
from xdistill_mri.preprocess.extra import require_images
from xdistill_mri.preprocess.read import damage_reported

_STARTS = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"II+\x00": "TIFF",
    b"MM\x00+": "TIFF",
    b"GIF8": "GIF",
    b"RIFF": "WebP",
    b"BM": "BMP",
    b"%PDF": "PDF",
}
_BY_ENDING = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF"}
_ORIENTATION = 0x0112  # the tag of TIFF and EXIF
_DEPTH, _COLOUR_TYPE = 24, 25  # bytes of a PNG file
_SIXTEEN_BIT_COLOURS = {2, 4, 6}  # which Pillow reads as 8 bits
_PLAIN = {"L", "RGB", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"}


def read_png_or_jpeg(file: Path, *, colour: str | None) -> NDArray[Any]:
    """The pixels of a picture, ``(height, width, channels)``.

    A palette is replaced by its colours and black and white by 0 and 255. An opacity that is full everywhere is
    dropped. CMYK and transparent pixels are converted if ``colour`` is set.

    Args:
        file: the file.
        colour: ``grey``, ``rgb``, or None for the colours of the file.

    Raises:
        DataError: for a file that is missing, damaged, or of another kind than its name says.
        UserError: if Pillow is not installed.
    """
    with damage_reported(file):
        content = read_bytes(file, VOLUME)
        check_content(content, file)
        if content[:4] == b"\x89PNG" and content[_DEPTH] == 16 and content[_COLOUR_TYPE] in _SIXTEEN_BIT_COLOURS:  # noqa: PLR2004 -- bits
            return _sixteen_bits(content, file, colour)
        return pixels(content, file, colour)


def check_content(content: bytes, file: Path) -> None:
    """Refuse a file whose content is not what its name says.

    Raises:
        DataError: naming both.
    """
    expected = _BY_ENDING[file.suffix.lower()]
    found = next((kind for start, kind in _STARTS.items() if content.startswith(start)), None)
    if found is not None and found != expected:
        raise DataError(f"{file}: is a {found} file, but its name ends in {file.suffix}; rename or convert it")
    if found is None:
        raise DataError(f"{file}: is damaged or not a {expected} file (its first bytes are wrong)")


def pixels(content: bytes, file: Path, colour: str | None) -> NDArray[Any]:
    """The pixels as Pillow reads them, ``(height, width, channels)``; raises as `read_png_or_jpeg`."""
    image_module, operations = require_images("PIL.Image"), require_images("PIL.ImageOps")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", image_module.DecompressionBombWarning)
        picture = image_module.open(io.BytesIO(content))
        frames = getattr(picture, "n_frames", 1)
        if frames > 1 and picture.format != "MPO":  # a photograph with previews
            raise DataError(f"{file}: holds {frames} pictures; save one")
        picture.load()
        picture = operations.exif_transpose(picture)
    picture = _without_palette(picture)
    if picture.mode in {"CMYK", "YCbCr"}:
        if picture.mode == "CMYK" and colour is None:
            raise DataError(f"{file}: has the colours CMYK; set `colour: rgb` to convert it, or save it as RGB")
        picture = picture.convert("RGB")
    values = np.asarray(picture)
    if picture.mode in {"LA", "RGBA"}:
        return without_opacity(values, file, colour)
    if picture.mode not in _PLAIN:
        raise DataError(f"{file}: has the colours {picture.mode}, which cannot be read; save it as RGB")
    return values[..., None] if values.ndim == 2 else values  # noqa: PLR2004 -- height and width


def without_opacity(values: NDArray[Any], file: Path, colour: str | None) -> NDArray[Any]:
    """The pixels without their last channel, their opacity.

    Raises:
        DataError: if some pixels are transparent and ``colour`` is not set.
    """
    full = np.iinfo(values.dtype).max if values.dtype.kind == "u" else 1
    if colour is None and (values[..., -1] != full).any():
        raise DataError(
            f"{file}: has transparent pixels; set `colour: rgb` or `colour: grey` to drop the transparency, or save "
            f"it without"
        )
    return values[..., :-1]


def turned(values: NDArray[Any], orientation: int) -> NDArray[Any]:
    """The picture as it is meant to be looked at, from the value of its orientation tag, 1 to 8 (TIFF 6.0)."""
    if orientation in {5, 6, 7, 8}:
        values = values.swapaxes(0, 1)
    if orientation in {2, 3, 6, 7}:
        values = values[:, ::-1]
    if orientation in {3, 4, 7, 8}:
        values = values[::-1]
    return values


def picture_size(file: Path) -> tuple[int, int]:
    """Width and height from the file's header; raises as `read_png_or_jpeg`."""
    with damage_reported(file), warnings.catch_warnings(), open_regular(file) as stream:
        warnings.simplefilter("ignore")
        if _BY_ENDING[file.suffix.lower()] == "TIFF":
            with require_images("tifffile").TiffFile(stream, name=file.name) as opened:
                page = opened.pages[0]
                (width, height), orientation = (page.imagewidth, page.imagelength), page.tags.valueof(_ORIENTATION, 1)
        else:
            with require_images("PIL.Image").open(stream) as picture:
                (width, height), orientation = picture.size, picture.getexif().get(_ORIENTATION, 1)
    return (height, width) if orientation > 4 else (width, height)  # noqa: PLR2004 -- swaps the axes


def _without_palette(picture: Any) -> Any:
    if picture.mode == "P":
        return picture.convert("RGBA" if "transparency" in picture.info else "RGB")
    if picture.mode == "PA":
        return picture.convert("RGBA")
    return picture.convert("L") if picture.mode == "1" else picture


def _sixteen_bits(content: bytes, file: Path, colour: str | None) -> NDArray[Any]:
    """Colours of 16 bits, with ITK: Pillow would drop the lower eight."""
    itk = require_images("SimpleITK")
    with require_images("PIL.Image").open(io.BytesIO(content)) as picture:
        orientation = picture.getexif().get(_ORIENTATION, 1)
    values = turned(itk.GetArrayFromImage(itk.ReadImage(str(file), imageIO="PNGImageIO")), orientation)
    opaque = content[_COLOUR_TYPE] == 2  # noqa: PLR2004 -- RGB
    return values if opaque else without_opacity(values, file, colour)
