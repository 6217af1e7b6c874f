"""Columns of vectors: which column of the cohort each value that a network reads was made from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.types import ColumnSpec, ModalitySpec


@dataclass(frozen=True)
class Columns:
    """The columns of a vector modality.

    Attributes:
        names: of the cohort's columns; of what the transforms made, if the cohort has no columns, as of texts.
        index: for each value that the network reads, that of its column, ``(values,)``.
    """

    names: tuple[str, ...]
    index: NDArray[np.int64]

    @classmethod
    def of(cls, before: ModalitySpec, after: ModalitySpec) -> Columns:
        """The columns of a modality before and after the transforms."""
        made = [column.source or column.name for column in after.columns]
        if not made:
            made = [str(place) for place in range(after.shape[0])]
        known = [column.name for column in before.columns]
        names = tuple(dict.fromkeys([*known, *made]))
        places = {name: place for place, name in enumerate(names)}
        return cls(names, np.array([places[name] for name in made], dtype=np.int64))


def merged(members: Sequence[tuple[Columns, NDArray[np.float64]]]) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """The names of all members' columns, and the mean of the members' attributions; 0 where a member has no column."""
    names = tuple(dict.fromkeys(name for columns, _ in members for name in columns.names))
    places = {name: place for place, name in enumerate(names)}
    total = np.zeros(len(names))
    for columns, attributions in members:
        total[[places[name] for name in columns.names]] += attributions
    return names, total / len(members)


def as_text(names: Sequence[str], spec: ModalitySpec, values: NDArray[Any]) -> tuple[str, ...]:
    """The subject's values of these columns; empty where it has none."""
    if spec.kind != "vector":
        return ("",) * len(names)
    own = spec.columns or tuple(ColumnSpec(str(place)) for place in range(spec.shape[0]))
    shown = {column.name: _shown(column, float(value)) for column, value in zip(own, values, strict=True)}
    return tuple(shown.get(name, "") for name in names)


def _shown(column: ColumnSpec, value: float) -> str:
    if math.isnan(value):
        return ""
    if column.categories:
        return column.categories[int(value)] if 0 <= value < len(column.categories) else ""
    return f"{value:.5g}{' ' if column.unit else ''}{column.unit}"
