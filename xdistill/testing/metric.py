"""The suite of metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from xdistill.interfaces.metric import Metric
from xdistill.testing.helpers.samples import CLASSES
from xdistill.testing.suite import Conformance, promised, require

_SUBJECTS = 24


@dataclass(frozen=True)
class GoldenMetric:
    """A value known from elsewhere.

    Attributes:
        target: class indices.
        probabilities: one row per subject, one column per class.
        value: of the metric.
        settings: instead of the suite's.
        tolerance: allowed difference.
        source: where the value comes from.
    """

    target: Sequence[int]
    probabilities: Sequence[Sequence[float]]
    value: float
    settings: Mapping[str, Any] = field(default_factory=dict)
    tolerance: float = 1e-9
    source: str = ""


class MetricConformance(Conformance):
    """What a metric has to do.

    Attributes:
        rewards_truth: predictions that are right are better than predictions that know nothing.
        golden: values known from elsewhere.
    """

    kind = "metric"
    rewards_truth: ClassVar[bool] = True
    golden: ClassVar[Sequence[GoldenMetric]] = ()

    def value(self, target: NDArray[np.int64], probabilities: NDArray[np.float64]) -> Any:
        """Compute the metric."""
        return self._built(self.settings)(target, probabilities, CLASSES)

    def test_value_is_one_number(self) -> None:
        """Tables want a finite number."""
        value = self.value(*_predictions())
        require(isinstance(value, float), f"a metric returns a float, not {type(value).__name__}")
        require(isfinite(value), f"the value is {value}")

    def test_order_of_subjects_does_not_matter(self) -> None:
        """The same subjects in another order score the same."""
        target, probabilities = _predictions()
        first, second = self.value(target, probabilities), self.value(target[::-1].copy(), probabilities[::-1].copy())
        require(abs(first - second) <= 1e-9 * max(1.0, abs(first)), f"{first!r} became {second!r} in another order")

    def test_it_repeats_itself(self) -> None:
        """The same predictions score the same, whatever was drawn at random before."""
        first, second = self.value(*_predictions()), self.value(*_predictions())
        require(first == second, f"{first!r} became {second!r} in a second call")

    def test_predictions_are_left_alone(self) -> None:
        """Other metrics read the same arrays after this one."""
        target, probabilities = _predictions()
        before = target.copy(), probabilities.copy()
        self.value(target, probabilities)
        require(np.array_equal(before[0], target), "the targets were changed")
        require(np.array_equal(before[1], probabilities), "the probabilities were changed")

    @promised("rewards_truth")
    def test_truth_is_better_than_chance(self) -> None:
        """Right predictions are on the better side, as `higher_is_better` has it."""
        target, chance = _predictions()
        truth = np.full_like(chance, 0.01)
        truth[np.arange(len(target)), target] = 0.98
        right, random = self.value(target, truth), self.value(target, chance)
        higher = self._built(self.settings).higher_is_better
        better = right > random if higher else right < random
        says = "higher is better" if higher else "lower is better"
        require(
            better, f"right predictions score {right:.4g} and random ones {random:.4g}; the metric declares that {says}"
        )

    @promised("golden")
    def test_golden_values(self) -> None:
        """The values that are known from elsewhere."""
        for golden in self.golden:
            metric = self._built(golden.settings or self.settings)
            value = metric(
                np.array(golden.target), np.array(golden.probabilities), CLASSES[: len(golden.probabilities[0])]
            )
            where = f"{golden.source}: " if golden.source else ""
            require(abs(value - golden.value) <= golden.tolerance, f"{where}{value!r} instead of {golden.value!r}")

    def _built(self, settings: Mapping[str, Any]) -> Metric:
        factory: Any = self.component
        metric: Metric = factory(self.checked(settings))
        return metric


def _predictions() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Predictions that know nothing of their subjects."""
    generator = np.random.default_rng(0)
    weights = generator.random((_SUBJECTS, len(CLASSES))) + 0.1
    return np.arange(_SUBJECTS) % len(CLASSES), weights / weights.sum(axis=1, keepdims=True)
