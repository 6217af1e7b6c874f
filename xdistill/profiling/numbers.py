"""Columns that give numbers away: targets of regression, times and events, labels of which a subject has several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.profiling.association import Values
from xdistill.profiling.cautions import Caution
from xdistill.profiling.columns import column_cautions
from xdistill.types import ColumnSpec

_SAME_ORDER = 0.999  # rank correlation from which on a column gives a number away
_FEWEST = 10  # subjects of whom a rank correlation says something


def number_cautions(matrix: Values, columns: Sequence[ColumnSpec], targets: NDArray[Any]) -> list[Caution]:
    """Warnings about single columns of a vector modality.

    Args:
        matrix: ``(subjects, columns)``; NaN is missing, categories are indices.
        columns: what they are.
        targets: of the subjects, ``(subjects, *target_shape)``.
    """
    found: dict[str, Caution] = {}
    for target in targets.reshape(len(targets), -1).T:
        values, classes = np.unique(target, return_inverse=True)
        two = len(values) == 2  # noqa: PLR2004 -- it is there or not
        cautions = (
            column_cautions(matrix, columns, classes.reshape(-1).astype(np.int64), ("no", "yes"))
            if two
            else _in_order(matrix, columns, target)
        )
        for caution in cautions:
            found.setdefault(caution.place, caution)
    return list(found.values())


def _in_order(matrix: Values, columns: Sequence[ColumnSpec], target: Values) -> Iterator[Caution]:
    from scipy.stats import spearmanr

    for column, values in zip(columns, matrix.T, strict=True):
        known = ~np.isnan(values)
        if column.kind != "numeric" or known.sum() < _FEWEST or not np.ptp(values[known]) or not np.ptp(target[known]):
            continue
        correlation = float(spearmanr(values[known], target[known]).statistic)
        if abs(correlation) >= _SAME_ORDER:
            yield Caution(
                "column_predicts_label",
                f"{column.name!r} alone puts the subjects in the order of the label (rank correlation "
                f"{correlation:.3f}); leave it out unless it is known when the student is used",
                column.name,
            )
