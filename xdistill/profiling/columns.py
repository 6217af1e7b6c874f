"""Columns that give the label away."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from xdistill.profiling.association import (
    BY_CHANCE,
    MATCHED,
    SEPARATED,
    Classes,
    Values,
    chance,
    cramers_v,
    matching,
    separation,
)
from xdistill.profiling.cautions import Caution
from xdistill.types import ColumnSpec

_SITE = re.compile(
    r"(^|[\W_])(site|cent(er|re)|hospital|klinik|clinic|institution|scanner|vendor|manufacturer|hersteller|machine|"
    r"device|gerät|field.?strength|standort)([\W_]|$)",
    re.IGNORECASE,
)
_ID = re.compile(
    r"(^|[\W_])(id|pid|mrn|no|nr|case|patient|subject|accession|fall|fallnummer|pat)([\W_]|$)", re.IGNORECASE
)
_DATE = re.compile(r"(^|[\W_])(time|days?|tage?|years?|jahre?)([\W_]|$)|(date|datum)([\W_]|$)", re.IGNORECASE)
_CONFOUNDED = 0.7  # Cramér's V
_SITES = 12  # subjects from which on site and label are compared
_SOME, _LEEWAY = 2000, 0.03
_REMEDY = "leave it out unless it is known when the student is used"


def column_cautions(
    matrix: Values, columns: Sequence[ColumnSpec], classes: Classes, names: Sequence[str]
) -> list[Caution]:
    """Warnings about single columns of a vector modality.

    Args:
        matrix: ``(subjects, columns)``; NaN is missing, categories are indices.
        columns: what they are.
        classes: of the subjects, from 0; -1 is unknown.
        names: of the classes.
    """
    known = classes >= 0
    matrix, classes = matrix[known], classes[known]
    if len(np.unique(classes)) < 2:  # noqa: PLR2004 -- nothing to predict
        return []
    found: list[Caution] = []
    for place, column in enumerate(columns):
        found += _of_column(matrix[:, place], column, classes, names, len(columns))
    return found


def _of_column(
    values: Values, column: ColumnSpec, classes: Classes, names: Sequence[str], columns: int
) -> Iterator[Caution]:
    nominal = column.kind == "categorical"
    if nominal and _is_copy(values, column, classes, names):
        yield Caution("label_copy", f"{column.name!r} equals the label; leave it out", column.name)
        return
    if _SITE.search(column.name) and len(values) >= _SITES:
        yield from _of_site(values, column.name, classes)
        return
    some = slice(None, None, max(1, len(values) // _SOME))  # enough to see that a column does not
    if chance(values, classes, columns) < BY_CHANCE:
        measured, least = (matching, MATCHED) if nominal else (separation, SEPARATED)
        score = measured(values[some], classes[some])
        if score >= least - _LEEWAY:
            score = measured(values, classes)
        if score >= least:
            measure = "of the subjects" if nominal else "area under the ROC curve"
            yield Caution(
                _name(column.name),
                f"{column.name!r} alone tells the classes apart ({score:.1%} {measure}); {_REMEDY}",
                column.name,
            )
            return
    absent = np.isnan(values).astype(np.float64)
    if 0 < absent.sum() < len(absent) and chance(absent, classes, columns) < BY_CHANCE:
        score = matching(absent[some], classes[some])
        if score >= MATCHED - _LEEWAY:
            score = matching(absent, classes)
        if score >= MATCHED:
            yield Caution(
                "missing_predicts_label",
                f"whether {column.name!r} is missing tells the classes apart ({score:.1%} of the subjects); find out "
                f"who was measured, and why",
                column.name,
            )


def _of_site(values: Values, name: str, classes: Classes) -> Iterator[Caution]:
    strength = cramers_v(values, classes)
    if strength >= _CONFOUNDED:
        yield Caution(
            "site_predicts_label",
            f"{name!r} and the label belong together (Cramér's V {strength:.2f}); a network may learn the site in "
            f"place of the disease, so test by site",
            name,
        )


def _name(column: str) -> str:
    if _ID.search(column):
        return "id_predicts_label"
    return "date_predicts_label" if _DATE.search(column) else "column_predicts_label"


def _is_copy(values: Values, column: ColumnSpec, classes: Classes, names: Sequence[str]) -> bool:
    """Whether the categories are named like the classes, and every subject has that of its class."""
    known = ~np.isnan(values)
    if known.sum() < len(values) / 2 or len(np.unique(classes[known])) < 2:  # noqa: PLR2004 -- nothing to copy
        return False
    folded = [name.casefold().strip() for name in names]
    places = [folded.index(name) if (name := text.casefold().strip()) in folded else -1 for text in column.categories]
    copied: NDArray[np.int64] = np.array(places, dtype=np.int64)[values[known].astype(np.int64)]
    return bool((copied == classes[known]).all())


def is_site(name: str) -> bool:
    """Whether a column is named like a site or a scanner."""
    return _SITE.search(name) is not None


def is_id(name: str) -> bool:
    """Whether a column is named like an id."""
    return _ID.search(name) is not None
