"""What the tabular transform learns, as plain numbers that JSON keeps bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from xdistill_tabular.numeric import Numbers, raised


@dataclass(frozen=True)
class NumericColumn:
    """What was learned of a numeric column.

    Attributes:
        fill: replaces a missing value.
        center: is subtracted.
        spread: divides; 0 for a column that was constant in training and is 0 for every subject.
        power: of the Yeo-Johnson transform that comes before; 1 for none.
    """

    fill: float
    center: float
    spread: float
    power: float = 1.0

    def apply(self, column: Numbers) -> Numbers:
        """``(subjects,)`` to ``(subjects, 1)``."""
        if not self.spread:
            return np.zeros((len(column), 1))
        filled = np.where(np.isnan(column), self.fill, column)
        return ((raised(filled, self.power) - self.center) / self.spread)[:, None]


@dataclass(frozen=True)
class CategoricalColumn:
    """What was learned of a categorical column.

    Attributes:
        seen: indices of the categories among the training subjects, ascending.
    """

    seen: tuple[int, ...]

    def apply(self, column: Numbers) -> Numbers:
        """``(subjects,)`` to ``(subjects, seen)``; all zeros for a missing or an unseen category."""
        return np.equal(column[:, None], np.asarray(self.seen, dtype=np.float64)).astype(np.float64)


@dataclass(frozen=True)
class IndicatorColumn:
    """A column of zeros and ones that an earlier transform made; it passes as it is."""

    def apply(self, column: Numbers) -> Numbers:
        """``(subjects,)`` to ``(subjects, 1)``."""
        return np.nan_to_num(column)[:, None]


Column = NumericColumn | CategoricalColumn | IndicatorColumn

_KINDS: Mapping[str, type[Column]] = {
    "numeric": NumericColumn,
    "categorical": CategoricalColumn,
    "indicator": IndicatorColumn,
}


@dataclass(frozen=True)
class Learned:
    """What was learned of all columns.

    Attributes:
        columns: in the order of the spec.
        indicated: places of the columns that get an indicator.
    """

    columns: tuple[Column, ...]
    indicated: tuple[int, ...]

    def apply(self, values: Numbers) -> Numbers:
        """``(subjects, columns)`` to ``(subjects, columns after the transform)``: columns, then indicators."""
        parts = [column.apply(values[:, place]) for place, column in enumerate(self.columns)]
        missing = np.isnan(values[:, list(self.indicated)]).astype(np.float64)
        return np.concatenate([*parts, missing], axis=1)

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary; numbers keep all their bits."""
        names = {kind: name for name, kind in _KINDS.items()}
        return {
            "columns": [{"kind": names[type(column)], **asdict(column)} for column in self.columns],
            "indicated": list(self.indicated),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Learned:
        """What `to_json` wrote."""
        return cls(
            columns=tuple(_column(column) for column in data["columns"]),
            indicated=tuple(data["indicated"]),
        )


def _column(data: Mapping[str, Any]) -> Column:
    fields = {name: value for name, value in data.items() if name != "kind"}
    if "seen" in fields:
        fields["seen"] = tuple(fields["seen"])
    return _KINDS[data["kind"]](**fields)
