"""Targets where some subjects have no label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from xdistill.tasks.task import Target, Task

if TYPE_CHECKING:
    from numpy.typing import NDArray


def with_blanks(task: Task, targets: Sequence[Target | None]) -> NDArray[Any]:
    """Targets as an array ``(subjects, *target_shape)``; without a label -1, or NaN if targets are fractional numbers.

    Nothing may compute with these rows; that a subject has a label is said next to them, as in ``cohort.labelled``.
    """
    import numpy as np

    known = [row for row, target in enumerate(targets) if target is not None]
    dtype = np.dtype(task.target_dtype)
    found = np.full((len(targets), *task.target_shape), np.nan if dtype.kind == "f" else -1, dtype=dtype)
    found[known] = task.as_targets([target for target in targets if target is not None])
    return found
