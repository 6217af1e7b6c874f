"""Regression: one number per subject, or several, each with its unit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from xdistill.tasks.score import Score
from xdistill.tasks.task import LARGEST, Target, Task

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float
    from numpy.typing import NDArray
    from torch import Tensor

SEPARATOR: Final = ";"  # between the numbers of one subject in files
BINS: Final = 5  # of the first target, by which splits are stratified
SUBJECTS_PER_BIN: Final = 10
_R2: Final = Score("r2", "R²", percent=False, words="coefficient of determination")
_PEARSON: Final = Score("pearson", "Pearson r", percent=False, words="Pearson correlation")


def _errors(unit: str) -> tuple[Score, ...]:
    return (
        Score("mae", "MAE", higher_is_better=False, percent=False, words="mean absolute error", unit=unit),
        Score("rmse", "RMSE", higher_is_better=False, percent=False, words="root mean squared error", unit=unit),
    )


SCORES: Final = (*_errors(""), _R2, _PEARSON)  # without units


@dataclass(frozen=True)
class Regression(Task):
    """One target or several; predictions are numbers in the units of the targets.

    Networks learn targets with mean 0 and standard deviation 1 over the training subjects of their fold: `fitted` takes
    both from these, `encoded` applies them, and `predict` undoes them.

    Attributes:
        targets: names of what is predicted.
        units: one per target; empty where there is none.
        center: means over the training subjects; empty before `fitted`.
        scale: standard deviations over the training subjects; empty before `fitted`.
    """

    targets: tuple[str, ...]
    units: tuple[str, ...] = ()
    center: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()

    kind: ClassVar[str] = "regression"
    target_dtype: ClassVar[str] = "float64"

    @property
    def single(self) -> bool:
        """Whether there is one target."""
        return len(self.targets) == 1

    @property
    def scores(self) -> tuple[Score, ...]:
        """Errors in the unit and R² for one target; for several, means of R² and correlation over the targets."""
        return (*_errors(self.unit_of(0)), _R2, _PEARSON) if self.single else (_R2, _PEARSON)

    @property
    def primary(self) -> str:
        """The mean absolute error of one target; R² of several, whose units differ."""
        return "mae" if self.single else "r2"

    @property
    def table(self) -> tuple[str, ...]:
        """All of `scores`."""
        return tuple(score.name for score in self.scores)

    @property
    def each(self) -> tuple[Score, ...]:
        """Errors and R² of each of several targets."""
        return () if self.single else (*_errors(""), _R2)

    @property
    def blind(self) -> str:
        """The means of the training subjects."""
        return "Mean of the training subjects"

    @property
    def default_loss(self) -> str:
        """Mean squared error."""
        return "mse"

    @property
    def imitation(self) -> Mapping[str, Any]:
        """Squared distance to the teacher's predictions."""
        return {"use": "prediction_mse"}

    @property
    def names(self) -> tuple[str, ...]:
        """The targets."""
        return self.targets

    @property
    def outputs(self) -> int:
        """One number per target."""
        return len(self.targets)

    @property
    def target_shape(self) -> tuple[int, ...]:
        """One number per target, also where there is only one."""
        return (len(self.targets),)

    @property
    def columns(self) -> tuple[str, ...]:
        """``predicted_<target>``, one column per target."""
        return tuple(f"predicted_{name}" for name in self.targets)

    def unit_of(self, place: int) -> str:
        """The unit of one target; empty where there is none."""
        return self.units[place] if self.units else ""

    def describe(self) -> str:
        """The targets with their units."""
        shown = (f"{name} ({unit})" if (unit := self.unit_of(at)) else name for at, name in enumerate(self.targets))
        return f"regression of {', '.join(shown)}"

    def problem(self) -> str:
        """There is a target, all have names, and none occurs twice."""
        if not self.targets or not all(self.targets):
            return "a regression needs at least one target, each with a name"
        twice = sorted({name for name in self.targets if self.targets.count(name) > 1})
        if self.units and len(self.units) != len(self.targets):
            return f"there are {len(self.units)} units for {len(self.targets)} targets"
        return f"the target {twice[0]!r} occurs twice" if twice else ""

    def to_json(self) -> dict[str, Any]:
        """Kind, targets and units, without fitted values."""
        return {"kind": self.kind, "targets": list(self.targets), "units": list(self.units)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Regression:
        """The task that `to_json` wrote."""
        return cls(tuple(map(str, data["targets"])), tuple(map(str, data["units"])))

    def summary(self, targets: NDArray[Any]) -> dict[str, Any]:
        """Mean, standard deviation, smallest and largest value of each target."""
        values = self.as_targets(targets)
        return {
            "targets": {
                name: {
                    "mean": float(column.mean()),
                    "sd": float(column.std(ddof=1)) if len(column) > 1 else 0.0,
                    "min": float(column.min()),
                    "max": float(column.max()),
                }
                for name, column in zip(self.targets, values.T, strict=True)
            }
        }

    def target_problem(self, target: Target) -> str:
        """A target is one number for each name, finite in float32."""
        numbers = target if isinstance(target, Sequence) else (target,)
        if len(numbers) != len(self.targets):
            return f"the target has {len(numbers)} numbers, and {self.describe()} needs {len(self.targets)}"
        for name, value in zip(self.targets, numbers, strict=True):
            if not math.isfinite(value):
                return f"the target {name!r} is not a finite number"
            if abs(value) > LARGEST:
                return f"the target {name!r} is larger than float32 holds ({LARGEST:.1e})"
        return ""

    def target_text(self, target: Any) -> str:
        """The numbers, such as ``5.2`` or ``5.2;0.9``."""
        import numpy as np

        return SEPARATOR.join(repr(float(value)) for value in np.atleast_1d(np.asarray(target)))

    def parse_target(self, text: str) -> tuple[float, ...]:
        """The numbers.

        Raises:
            ValueError: if they are not as many finite numbers as there are targets.
        """
        try:
            numbers = tuple(float(part) for part in text.split(SEPARATOR))
        except ValueError:
            raise ValueError(f"the target {text!r} is not a number") from None
        problem = self.target_problem(numbers)
        if problem:
            raise ValueError(problem)
        return numbers

    def sample_targets(self, subjects: int) -> Float[Tensor, "subjects targets"]:
        """Numbers between -1 and 1, on the scale of the logits."""
        import torch

        count = subjects * len(self.targets)
        return (torch.arange(count, dtype=torch.float32) * 0.7).sin().reshape(subjects, len(self.targets))

    def fitted(self, targets: NDArray[Any]) -> Regression:
        """With mean and standard deviation of the training subjects; a target without spread keeps its scale."""
        import numpy as np

        values = self.as_targets(targets)
        spread = values.std(axis=0)
        scale = np.where(spread > 0, spread, 1.0)
        return replace(self, center=tuple(values.mean(axis=0).tolist()), scale=tuple(scale.tolist()))

    def state(self) -> dict[str, Any]:
        """Means and standard deviations."""
        return {"center": list(self.center), "scale": list(self.scale)} if self.scale else {}

    def restored(self, state: Mapping[str, Any]) -> Regression:
        """With the saved means and standard deviations.

        Raises:
            ValueError: if there is not one of each for every target.
        """
        center, scale = (tuple(map(float, state.get(name, ()))) for name in ("center", "scale"))
        if state and not (len(center) == len(scale) == len(self.targets) and all(value > 0 for value in scale)):
            raise ValueError(f"the fitted values are not those of {self.describe()}")
        return replace(self, center=center, scale=scale)

    def encoded(self, targets: NDArray[Any]) -> NDArray[Any]:
        """Standardised, float32."""
        import numpy as np

        values = self.as_targets(targets)
        return ((values - np.array(self.center)) / np.array(self.scale) if self.scale else values).astype(np.float32)

    def strata(self, targets: NDArray[Any]) -> NDArray[np.int64] | None:
        """Bins of equal counts of the first target, at most five and of about ten subjects; None for few subjects."""
        import numpy as np

        values = self.as_targets(targets)[:, 0]
        bins = min(BINS, len(values) // SUBJECTS_PER_BIN)
        if bins < 2:  # noqa: PLR2004 - one bin divides nothing
            return None
        edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
        found = np.searchsorted(edges, values, side="right").astype(np.int64)
        return found if np.bincount(found)[np.unique(found)].min() >= SUBJECTS_PER_BIN // 2 else None

    def predict(self, logits: Float[Tensor, "subjects targets"]) -> Float[Tensor, "subjects targets"]:
        """The logits on the scale of the targets."""
        if not self.scale:
            return logits
        return logits * logits.new_tensor(self.scale) + logits.new_tensor(self.center)

    def prediction_problem(self, values: Sequence[float]) -> str:
        """Predictions are finite."""
        return "" if all(map(math.isfinite, values)) else "a prediction is not finite"

    def constant_prediction(self, targets: NDArray[Any]) -> NDArray[np.float64]:
        """The means."""
        means: NDArray[np.float64] = self.as_targets(targets).mean(axis=0)
        return means

    def logits_of(self, predictions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Standardised."""
        import numpy as np

        if not self.scale:
            return predictions
        scaled: NDArray[np.float64] = (predictions - np.array(self.center)) / np.array(self.scale)
        return scaled

    def validation_loss(self, predictions: NDArray[np.float64], targets: NDArray[Any]) -> float:
        """Mean squared error, each target divided by its `scale`, so that all count alike."""
        import numpy as np

        errors = (predictions - self.as_targets(targets)) / np.array(self.scale or (1.0,) * len(self.targets))
        return float((errors**2).mean())
