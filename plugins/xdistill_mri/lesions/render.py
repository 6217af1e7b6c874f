"""Draws a lesion on skin: the criteria decide its shape and its colours, chance decides all else."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SKIN = np.array([0.87, 0.68, 0.58])
_BROWN = np.array([0.45, 0.27, 0.18])
_DARK = np.array([0.14, 0.09, 0.08])
_BLUE = np.array([0.36, 0.44, 0.58])
_HAIRS = 1


def draw_picture(
    shares: NDArray[np.float64], size: int, noise: float, generator: np.random.Generator
) -> NDArray[np.float32]:
    """One picture with values from 0 to 1.

    Args:
        shares: how marked asymmetry, border, colours, diameter and blue veil are, each from 0 to 1.
        size: height and width in pixels.
        noise: standard deviation of the camera's noise.
        generator: of everything that the criteria do not decide.

    Returns:
        ``(3, size, size)``.
    """
    asymmetry, border, colours, diameter, veil = shares
    row, column = np.meshgrid(*[np.linspace(-1, 1, size)] * 2, indexing="ij")
    down, right = row - generator.uniform(-0.12, 0.12), column - generator.uniform(-0.12, 0.12)
    angle, distance = np.arctan2(down, right), np.hypot(down, right)
    turn = generator.uniform(0, 2 * np.pi, 8)
    radius = (0.36 + 0.26 * diameter) * (1 + 0.45 * asymmetry * np.cos(angle - turn[0]))
    radius = radius * (1 + 0.30 * border * np.cos(7 * angle - turn[1]))
    inside = _edge((radius - distance) * size / 2)
    light = 1 + 0.08 * (row * np.cos(turn[2]) + column * np.sin(turn[2]))
    picture = (_SKIN + generator.normal(0, 0.02, 3)) * light[..., None]
    lesion = np.broadcast_to(_BROWN + generator.normal(0, 0.02, 3), picture.shape)
    lesion = _mixed(lesion, _DARK, colours * _blobs(down, right, turn[3], 3))
    lesion = _mixed(lesion, _BLUE, veil * _blobs(down, right, turn[4], 2))
    picture = _mixed(picture, lesion, inside)
    for hair in range(_HAIRS):
        offset = generator.uniform(-1.2, 1.2)
        away = np.abs(row * np.cos(turn[5 + hair]) + column * np.sin(turn[5 + hair]) - offset)
        picture = _mixed(picture, _DARK, 0.5 * _edge((0.03 - away) * size / 2))
    picture = picture + generator.normal(0, noise, picture.shape)
    return np.clip(picture, 0, 1).transpose(2, 0, 1).astype(np.float32)


def _edge(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """From 0 to 1 over the pixel in which a border lies."""
    return np.clip(pixels + 0.5, 0, 1)


def _blobs(down: NDArray[np.float64], right: NDArray[np.float64], turn: float, count: int) -> NDArray[np.float64]:
    """Spots around the lesion's centre, from 0 to 1."""
    angles = turn + 2 * np.pi * np.arange(count) / count
    spots = [np.exp(-((down - 0.22 * np.sin(a)) ** 2 + (right - 0.22 * np.cos(a)) ** 2) / 0.02) for a in angles]
    clipped: NDArray[np.float64] = np.clip(np.sum(spots, axis=0), 0, 1)
    return clipped


def _mixed(one: NDArray[np.float64], other: NDArray[np.float64], part: NDArray[np.float64]) -> NDArray[np.float64]:
    mixed: NDArray[np.float64] = one * (1 - part[..., None]) + other * part[..., None]
    return mixed
