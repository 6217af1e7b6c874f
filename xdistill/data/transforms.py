"""Fits the transforms of a recipe on training subjects and applies them to all subjects."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.data.training_view import TrainingView
from xdistill.errors import DataError, LeakError, PluginError, RunError, SettingsError
from xdistill.interfaces.component import Choice
from xdistill.interfaces.transform import Transform
from xdistill.suggest import did_you_mean
from xdistill.types import Schema


class FittedTransforms:
    """Transforms fitted by `fit_transforms` or restored from a saved state.

    Attributes:
        schema: of the transformed cohort.
    """

    def __init__(self, schema: Schema, transforms: Sequence[Transform]) -> None:
        self.schema = schema
        self._transforms = tuple(transforms)

    def of(self, modality: str) -> tuple[Transform, ...]:
        """The transforms of a modality, in the order in which they are applied."""
        return tuple(transform for transform in self._transforms if _modality(transform) == modality)

    def apply(self, modality: str, values: NDArray[Any]) -> NDArray[np.float32]:
        """Transform values of any subjects, ``(subjects, *shape)``.

        Raises:
            DataError: when vectors still have missing values at the end.
            PluginError: when a transform returns another shape than its ``output`` says.
        """
        for transform in self.of(modality):
            values = _applied(transform, values)
        result: NDArray[np.float32] = np.asarray(values, dtype=np.float32)
        spec = self.schema.modalities[modality]
        if spec.kind == "vector" and np.isnan(result).any():
            position = int(np.flatnonzero(np.isnan(result).any(axis=0))[0])
            column = f"column {spec.columns[position].name!r}" if spec.columns else f"value {position}"
            raise DataError(
                f"modality {modality!r}: {column} has missing values that no transform fills in; add one to "
                f"`transforms`, such as {{use: tabular, modality: {modality}}}"
            )
        return result

    def state(self) -> dict[str, Any]:
        """The fitted state as JSON-ready data; `from_state` reads it back."""
        task = self.schema.task.state()
        return {
            **({"task": task} if task else {}),
            "transforms": [
                {"use": transform.name, "modality": _modality(transform), "state": transform.state()}
                for transform in self._transforms
            ],
        }

    @classmethod
    def from_state(
        cls, choices: Sequence[Choice[Transform]], schema: Schema, state: Mapping[str, Any]
    ) -> FittedTransforms:
        """Restore transforms from their state.

        Args:
            choices: the transforms of the recipe.
            schema: of the cohort.
            state: what `state` returned.

        Raises:
            RunError: when the state belongs to other transforms.
        """
        saved = state.get("transforms")
        names = [choice.use for choice in choices]
        if not isinstance(saved, Sequence) or [item.get("use") for item in saved] != names:
            raise RunError(f"the saved transforms are not those of the recipe, {names}; start a new run")
        fitted: list[Transform] = []
        for choice, item in zip(choices, saved, strict=True):
            transform = _built(choice, schema)
            transform.restore(item["state"])
            schema = schema.with_modality(_modality(transform), transform.output())
            fitted.append(transform)
        return cls(replace(schema, task=schema.task.restored(state.get("task", {}))), fitted)


def fit_transforms(
    choices: Sequence[Choice[Transform]],
    view: TrainingView,
    targets: NDArray[Any] | None = None,
    *,
    imputed: Collection[str] = (),
) -> FittedTransforms:
    """Fit transforms, each on the training subjects as transformed by the previous ones, and the task.

    Args:
        choices: the transforms.
        view: the training subjects.
        targets: of those of them that have a label; None: of all.
        imputed: vectors of which subjects without any value are part of the fit, as rows of missing values.

    Raises:
        LeakError: for anything but a `TrainingView`.
        SettingsError: when a transform names a modality that the cohort does not have.
        DataError: when no training subject has the modality.
    """
    if not isinstance(view, TrainingView):
        raise LeakError(f"transforms are fitted on a TrainingView, not on a {type(view).__name__}")
    schema = view.schema
    fitted: list[Transform] = []
    for choice in choices:
        transform = _built(choice, schema)
        modality = _modality(transform)
        values = view.values(modality)
        if modality in imputed and len(values) < len(view):
            values = _with_blanks(view, modality, values)
        if not view.present(modality).any():
            raise DataError(
                f"{view.split.where}: no training subject has the modality "
                f"{modality!r}, so the transform {choice.use!r} cannot be fitted"
            )
        for earlier in fitted:
            if _modality(earlier) == modality:
                values = _applied(earlier, values)
        transform.fit(values)
        schema = schema.with_modality(modality, transform.output())
        fitted.append(transform)
    task = schema.task.fitted(view.targets if targets is None else targets)
    return FittedTransforms(replace(schema, task=task), fitted)


def _with_blanks(view: TrainingView, modality: str, values: NDArray[Any]) -> NDArray[Any]:
    """Values of all training subjects; NaN for those without the modality."""
    rows = np.full((len(view), *values.shape[1:]), np.nan)
    rows[view.present(modality)] = values
    return rows


def _built(choice: Choice[Transform], schema: Schema) -> Transform:
    modality: str = getattr(choice.settings, "modality", "")
    if modality not in schema.modalities:
        raise SettingsError(
            f"unknown modality {modality!r}{did_you_mean(modality, schema.modalities)}", field="modality"
        )
    return choice.build(spec=schema.modalities[modality])


def _modality(transform: Transform) -> str:
    modality: str = transform.config.modality
    return modality


def _applied(transform: Transform, values: NDArray[Any]) -> NDArray[np.float32]:
    result = transform.apply(values)
    expected = (len(values), *transform.output().shape)
    if result.shape != expected:
        raise PluginError(
            f"the transform {transform.name!r} returned the shape {result.shape}; its `output` says {expected}"
        )
    return result
