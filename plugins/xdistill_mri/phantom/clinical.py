"""From clinical latents to values in the units of a laboratory report."""

from __future__ import annotations

import math
from itertools import accumulate
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from xdistill.types import ColumnSpec
from xdistill_mri.phantom.items import ITEMS, Item

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xdistill_mri.phantom.latents import Latents

_NORMAL = NormalDist()


def columns() -> tuple[ColumnSpec, ...]:
    """The clinical modality's columns, in the order of the items."""
    return tuple(
        ColumnSpec(
            name=item.name,
            kind="categorical" if item.scale == "categorical" else "numeric",
            unit=item.unit,
            categories=item.categories,
        )
        for item in ITEMS
    )


def clinical_values(latents: Latents) -> NDArray[np.float32]:
    """The clinical items ``(subjects, items)`` in their units, categories as indices, NaN where missing."""
    values = np.empty(latents.clinical.shape, dtype=np.float32)
    for column, item in enumerate(ITEMS):
        latent = latents.clinical[:, column]
        values[:, column] = to_units(item, latent)
        values[is_missing(item, latent, latents.absence[:, column]), column] = np.nan
    return values


def to_units(item: Item, latent: NDArray[np.float64]) -> NDArray[np.float64]:
    """The item's values: strictly increasing in the latent, or the index of its category."""
    if item.scale == "categorical":
        return np.searchsorted(cuts(item), latent).astype(np.float64)
    if item.scale == "normal":
        return item.centre + item.spread * latent
    if item.scale == "lognormal":
        return item.centre * np.exp(item.spread * latent)
    odds_at_centre = (item.centre - item.low) / (item.high - item.centre)
    return item.low + (item.high - item.low) / (1.0 + np.exp(-item.spread * latent) / odds_at_centre)


def cuts(item: Item) -> tuple[float, ...]:
    """Where a categorical item cuts its standard normal latent, rising."""
    return tuple(_NORMAL.inv_cdf(share) for share in accumulate(item.shares[:-1]))


def is_missing(item: Item, latent: NDArray[np.float64], absence: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which subjects lack the item, ``(subjects,)``: ``absence + missing_slope * latent`` above a cut.

    The cut makes the share of missing values ``item.missing`` whatever the slope.
    """
    missing: NDArray[np.bool_] = absence + item.missing_slope * latent > absence_cut(item)
    return missing


def absence_cut(item: Item) -> float:
    """Above it the item is missing; see `is_missing`."""
    spread = math.sqrt(1.0 + item.missing_slope**2)
    return -_NORMAL.inv_cdf(item.missing) * spread
