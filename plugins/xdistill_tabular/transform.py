"""The transform of vector modalities: impute, indicate, scale, encode categories."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from xdistill.errors import DataError, SettingsError
from xdistill.interfaces.transform import Transform
from xdistill.types import ColumnSpec, ModalitySpec
from xdistill_tabular.learned import CategoricalColumn, Column, IndicatorColumn, Learned, NumericColumn
from xdistill_tabular.numeric import Impute, Numbers, Scale, fit_fill, fit_power, fit_scale, raised, says_nothing

if TYPE_CHECKING:
    from torch import nn


class TabularTransform(Transform):
    """Imputes and scales numbers, one-hot encodes categories and adds indicators of missing values.

    A numeric column stays one column. A categorical one becomes a column for each category that the training
    subjects have (``sex=F``); a missing or unseen category is all zeros. Columns that were missing for a
    training subject get an indicator (``AFP is missing``), after all others. Indicators are not scaled.
    """

    name = "tabular"
    config: Config

    class Config(Transform.Config):
        """Settings of imputation and scaling."""

        impute: Impute = Field(
            default="median", description="what replaces a missing number: of the training subjects, or `constant`"
        )
        constant: float = Field(
            default=0.0, allow_inf_nan=False, description="replaces missing numbers when `impute` is `constant`"
        )
        indicators: bool = Field(
            default=True, description="add a column of zeros and ones for each column with missing training values"
        )
        scale: Scale = Field(
            default="standard",
            description="standard: mean 0, standard deviation 1; robust: median 0, interquartile range 1; power: a "
            "Yeo-Johnson transform against skew, then standard",
        )

    def __init__(self, config: Config, *, spec: ModalitySpec) -> None:
        super().__init__(config, spec=spec)
        if spec.kind != "vector":
            raise SettingsError(
                f"tabular transforms vectors, but {config.modality!r} is a {spec.kind}", field="modality"
            )
        self.columns = spec.columns or tuple(ColumnSpec(f"column {place}") for place in range(spec.shape[0]))
        self._learned: Learned | None = None

    @property
    def learned(self) -> Learned:
        """The fitted state."""
        if self._learned is None:
            msg = "the tabular transform must be fitted or restored before it is used"
            raise RuntimeError(msg)
        return self._learned

    def fit(self, training: NDArray[np.floating]) -> None:
        """Fit on the training subjects, ``(subjects, columns)``; NaN is missing.

        Raises:
            DataError: if there is no training subject, and for a value that is invalid in its column.
        """
        values = self._checked(training)
        if not len(values):
            raise DataError(f"no training subject has the modality {self.config.modality!r}; leave it out")
        missing = np.flatnonzero(np.isnan(values).any(axis=0))
        self._learned = Learned(
            columns=self._fit_columns(values),
            indicated=tuple(
                place
                for place, column in enumerate(self.columns)
                if self.config.indicators and place in missing and column.kind != "indicator"
            ),
        )

    def output(self) -> ModalitySpec:
        """The columns after the transform."""
        indicators = [
            ColumnSpec(f"{column.name} is missing", "indicator", source=column.name)
            for column in (self.columns[place] for place in self.learned.indicated)
        ]
        columns = (*self._kept_columns(), *indicators)
        return ModalitySpec("vector", shape=(len(columns),), columns=columns)

    def apply(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """``(subjects, columns)`` to ``(subjects, columns after the transform)``.

        Raises:
            DataError: for a value that is invalid in its column.
        """
        with np.errstate(over="ignore"):
            transformed = self.learned.apply(self._checked(values)).astype(np.float32)
        huge = np.flatnonzero(np.isinf(transformed).any(axis=0))
        if len(huge):
            raise DataError(
                f"the column {self.output().columns[huge[0]].name!r} of {self.config.modality!r} holds a number too "
                f"large for 32 bits; correct it, or leave it empty if it is unknown"
            )
        return transformed

    def state(self) -> dict[str, Any]:
        """The fitted state and the columns it was fitted on."""
        return {"inputs": [column.name for column in self.columns], **self.learned.to_json()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned.

        Raises:
            DataError: if it was fitted on other columns.
        """
        ours = [column.name for column in self.columns]
        if list(state["inputs"]) != ours:
            other = next(iter(set(state["inputs"]) ^ set(ours)), None)
            raise DataError(
                f"the saved transform of {self.config.modality!r} was fitted on other columns"
                f"{f' ({other!r} is only in one of the two)' if other else ' (the order differs)'}; "
                f"use it with the cohort it was trained on"
            )
        self._learned = Learned.from_json(state)

    def as_module(self) -> nn.Module:
        """The same in PyTorch; values that are invalid in their column are not refused there."""
        from xdistill_tabular.operations import TabularOperations

        return TabularOperations(self.learned)

    def _checked(self, values: NDArray[np.floating]) -> Numbers:
        numbers = np.asarray(values, dtype=np.float64)
        infinite = np.flatnonzero(np.isinf(numbers).any(axis=0))
        if len(infinite):
            raise DataError(
                f"the column {self.columns[infinite[0]].name!r} of {self.config.modality!r} holds an infinite value; "
                f"correct it, or leave it empty if it is unknown"
            )
        for place, column in enumerate(self.columns):
            if column.kind == "categorical":
                _check_categories(column, numbers[:, place])
        return numbers

    def _fit_columns(self, values: Numbers) -> tuple[Column, ...]:
        numeric = iter(self._fit_numeric(values[:, [column.kind == "numeric" for column in self.columns]]))
        return tuple(
            _fit_other(column, values[:, place]) if column.kind != "numeric" else next(numeric)
            for place, column in enumerate(self.columns)
        )

    def _fit_numeric(self, training: Numbers) -> Sequence[NumericColumn]:
        if not training.shape[1]:
            return ()
        replacement = fit_fill(training, self.config.impute, self.config.constant)
        filled = np.where(np.isnan(training), replacement, training)
        powers = fit_power(filled, self.config.scale)
        bent = np.stack([raised(filled[:, place], power) for place, power in enumerate(powers)], axis=1)
        center, spread = fit_scale(bent, self.config.scale)
        spread = np.where(says_nothing(training, filled, self.config.scale), 0.0, spread)
        return [
            NumericColumn(*map(float, learned)) for learned in zip(replacement, center, spread, powers, strict=True)
        ]

    def _kept_columns(self) -> Iterator[ColumnSpec]:
        for column, learned in zip(self.columns, self.learned.columns, strict=True):
            if isinstance(learned, CategoricalColumn):
                for index in learned.seen:
                    yield ColumnSpec(f"{column.name}={column.categories[index]}", source=column.name)
            else:
                unit = column.unit if self.config.scale == "none" else ""
                yield ColumnSpec(column.name, column.kind, unit=unit, source=column.source or column.name)


def _fit_other(column: ColumnSpec, values: Numbers) -> Column:
    from sklearn.preprocessing import OneHotEncoder

    if column.kind == "indicator":
        return IndicatorColumn()
    known = values[~np.isnan(values)].astype(np.int64)
    if not len(known):
        return CategoricalColumn(())
    encoder = OneHotEncoder(handle_unknown="ignore").fit(known[:, None])
    return CategoricalColumn(tuple(int(index) for index in encoder.categories_[0]))


def _check_categories(column: ColumnSpec, values: Numbers) -> None:
    known = values[~np.isnan(values)]
    wrong = known[(known < 0) | (known >= len(column.categories)) | (known != np.floor(known))]
    if len(wrong):
        raise DataError(
            f"the categorical column {column.name!r} holds {wrong[0]:g}, which is not an index into its "
            f"{len(column.categories)} categories; build the cohort again"
        )
