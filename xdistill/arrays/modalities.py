"""Several modalities of the same subjects as one object that scikit-learn can slice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from xdistill.errors import UserError
from xdistill.suggest import did_you_mean


class Modalities:
    """Modalities by name, sliced together: ``X`` for ``cross_val_score``, ``GridSearchCV`` and the like.

    Args:
        values: for each modality a NumPy array, a torch tensor or a DataFrame, one row per subject.
        privileged: modalities that only `Distiller.fit` may read; ``predict``, ``predict_proba`` and ``score`` drop
            them.

    Raises:
        UserError: if there is no modality, a privileged one is not in ``values``, or they differ in length.

    >>> import numpy as np
    >>> X = Modalities({"scan": np.zeros((4, 1, 8, 8)), "blood": np.zeros((4, 3))}, privileged=["blood"])
    >>> len(X), X[1:3].shape
    (4, (2, 2))
    """

    def __init__(self, values: Mapping[str, Any], *, privileged: Iterable[str] = ()) -> None:
        if isinstance(privileged, str):
            privileged = (privileged,)
        self.values = dict(values)
        self.privileged = tuple(privileged)
        self._length = common_length(self.values)
        for name in self.privileged:
            if name not in self.values:
                raise UserError(f"unknown privileged modality `{name}`{did_you_mean(name, self.values)}")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the modalities."""
        return tuple(self.values)

    @property
    def shape(self) -> tuple[int, int]:
        """``(subjects, modalities)``."""
        return self._length, len(self.values)

    def __len__(self) -> int:
        return self._length

    def __repr__(self) -> str:
        return f"Modalities({', '.join(self.names)}; privileged={list(self.privileged)}, subjects={len(self)})"

    def __getitem__(self, rows: Any) -> Modalities:
        """The same modalities of some subjects, chosen by a slice, integers or a mask."""
        if isinstance(rows, tuple) and len(rows) == 2 and rows[1] is Ellipsis:  # noqa: PLR2004 - how sklearn slices
            rows = rows[0]
        chosen = np.arange(len(self))[rows]
        if np.ndim(chosen) != 1:
            msg = "index Modalities with a slice, an array of integers or a mask"
            raise TypeError(msg)
        values = {name: _taken(value, chosen) for name, value in self.values.items()}
        return Modalities(values, privileged=self.privileged)

    def unprivileged(self) -> dict[str, Any]:
        """The modalities that are not privileged."""
        return {name: value for name, value in self.values.items() if name not in self.privileged}


def common_length(values: Mapping[str, Any]) -> int:
    """The number of subjects.

    Raises:
        UserError: if there is no modality, or they differ in length.
    """
    lengths = {name: _length(name, value) for name, value in values.items()}
    if not lengths:
        raise UserError("`X` has no modality; pass a mapping such as {'image': images, 'clinical': table}")
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"`{name}` {length}" for name, length in lengths.items())
        raise UserError(f"the modalities differ in length: {counts}; each needs one row per subject, in the same order")
    return next(iter(lengths.values()))


def _length(name: str, value: Any) -> int:
    try:
        return len(value)
    except TypeError:
        raise UserError(
            f"modality `{name}` is {type(value).__name__}; expected a NumPy array, a torch tensor or a DataFrame"
        ) from None


def _taken(value: Any, rows: Any) -> Any:
    if hasattr(value, "iloc"):
        return value.iloc[rows]
    return value[rows] if hasattr(value, "shape") else np.asarray(value)[rows]
