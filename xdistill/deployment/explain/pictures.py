"""Slices through the peak of a map, as PNG."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from xdistill.deployment.explain.explanation import Map
from xdistill.report.slices import window

POSITIVE: Final = (230, 97, 1)  # orange and blue differ for colour-blind readers as well
NEGATIVE: Final = (45, 120, 200)
PEAK: Final = (255, 255, 255)
SIDE: Final = 256  # pixels of the longest side at least, so that the peak's mark stays thin
LARGEST: Final = 512
_PLANES: Final = ("axial", "coronal", "sagittal")
_VOLUME = 3


@dataclass(frozen=True)
class Plane:
    """One slice through the peak.

    Attributes:
        name: of the plane, and the number of the slice.
        plain: the image, as a ``data:`` URI.
        overlay: the image with the map on it, and a ring around the peak.
    """

    name: str
    plain: str
    overlay: str

    @property
    def file(self) -> bytes:
        """The overlay as a PNG file."""
        return base64.b64decode(self.overlay.partition(",")[2])


def planes(found: Map) -> list[Plane]:
    """The slices through the peak: three of a volume, the whole of an image; on the prepared grid.

    Positive attributions are orange, negative ones blue, both opaque at the map's largest magnitude.
    """
    largest = float(np.abs(found.values).max()) or 1.0
    if found.is_picture:
        return [_plane("image", found.image, found.values / largest, found.peak, (1.0, 1.0))]
    spacing = _spacing(found)
    made = []
    for axis, name in enumerate(_PLANES):
        at = found.peak[axis]
        rest = [other for other in range(_VOLUME) if other != axis]
        image, values = (np.take(array, at, axis=axis) for array in (found.image, found.values / largest))
        peak = (found.peak[rest[0]], found.peak[rest[1]])
        scale = (spacing[rest[0]], spacing[rest[1]])
        if axis > 0:  # depth runs upwards, as radiologists look at these planes
            image, values, peak = image[::-1], values[::-1], (len(image) - 1 - peak[0], peak[1])
        title = f"{name}, slice {at + 1} of {found.values.shape[axis]}"
        made.append(_plane(title, image, values, peak, scale))
    return made


def _spacing(found: Map) -> tuple[float, float, float]:
    """Mm between voxels of the prepared grid along depth, height and width; 1 if they are unknown."""
    if found.space is None or found.space.prepared is None:
        return 1.0, 1.0, 1.0
    x, y, z = (float(length) for length in np.linalg.norm(found.space.prepared[:3, :3], axis=0))
    return z, y, x


def _plane(
    name: str,
    image: NDArray[np.float32],
    values: NDArray[np.float32],
    peak: tuple[int, ...],
    scale: tuple[float, float],
) -> Plane:
    low, high = window(image.astype(np.float64))
    grey = np.clip(255 * (image - low) / (high - low), 0, 255)
    rgb = np.repeat(grey[..., None], 3, axis=2)
    strength = 0.75 * np.abs(values)[..., None]
    colour = np.where(values[..., None] > 0, np.array(POSITIVE), np.array(NEGATIVE))
    mixed = rgb * (1 - strength) + colour * strength
    return Plane(name, _png(rgb, scale, None), _png(mixed, scale, peak))


def _png(rgb: NDArray[np.floating], scale: tuple[float, float], peak: tuple[int, ...] | None) -> str:
    """A ``data:`` URI of the picture, with square pixels."""
    from PIL import Image, ImageDraw  # matplotlib brings it

    rows, columns = rgb.shape[:2]
    longest = max(rows * scale[0], columns * scale[1])
    zoom = min(max(SIDE, rows, columns), LARGEST) / longest
    size = max(1, round(columns * scale[1] * zoom)), max(1, round(rows * scale[0] * zoom))
    picture = Image.fromarray(rgb.astype(np.uint8)).resize(size, Image.Resampling.NEAREST)
    if peak is not None:
        y, x = (peak[0] + 0.5) * size[1] / rows, (peak[1] + 0.5) * size[0] / columns
        radius = max(4.0, max(size) / 40)
        ImageDraw.Draw(picture).ellipse((x - radius, y - radius, x + radius, y + radius), outline=PEAK, width=2)
    buffer = io.BytesIO()
    picture.quantize(128).save(buffer, format="png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
