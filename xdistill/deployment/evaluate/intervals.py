"""Bootstrap intervals by patient: every figure is a function of how often each subject is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from xdistill.deployment.evaluate.cohort import Labelled
from xdistill.deployment.evaluate.result import Estimate
from xdistill.stats.areas import Counts, Floats
from xdistill.stats.bootstrap import CHUNK, draw
from xdistill.stats.methods import ScoredFold

Figure = Callable[[Counts], Floats]
LEAST = 0.5  # share of resamples in which a figure has to be defined for an interval


@dataclass(frozen=True)
class Bootstrap:
    """Draws patients, with all of their subjects, from all patients.

    The shares of the classes vary between resamples, as they would between cohorts: accuracy, predictive values and net
    benefit depend on them. `xdistill bench` compares methods within one cohort, and keeps the shares.

    Attributes:
        cohort: the subjects.
        resamples: how many.
        level: of the intervals.
        seed: of the draws: all figures see the same ones, so that differences are paired.
    """

    cohort: Labelled
    resamples: int
    level: float
    seed: int

    def resampled(self, figures: Mapping[str, Figure]) -> dict[str, Floats]:
        """Each figure in every resample, ``(resamples,)``."""
        parts: dict[str, list[Floats]] = {name: [] for name in figures}
        for counts in self._counts():
            for name, figure in figures.items():
                parts[name].append(np.broadcast_to(figure(counts), counts.shape[1:]))
        return {name: np.concatenate(values) for name, values in parts.items()}

    def estimates(self, figures: Mapping[str, Figure]) -> dict[str, Estimate]:
        """Each figure of the subjects as they are, with its percentile interval."""
        resampled = self.resampled(figures)
        return {name: self.estimate(observed(self.cohort, figure), resampled[name]) for name, figure in figures.items()}

    def estimate(self, value: float | None, resampled: Floats) -> Estimate:
        """An estimate; without an interval if too few resamples have the figure."""
        known = resampled[np.isfinite(resampled)]
        if value is None or len(known) < LEAST * len(resampled):
            return Estimate(value)
        low, high = np.quantile(known, [(1 - self.level) / 2, (1 + self.level) / 2])
        return Estimate(value, float(low), float(high))

    def _counts(self) -> Iterator[Counts]:
        cohort = self.cohort
        names = tuple(str(row) for row in range(len(cohort.subjects)))
        fold = ScoredFold(0, 0, names, cohort.targets, 1, (), None)
        patients = dict(zip(names, cohort.patients, strict=True))
        generator = np.random.default_rng(self.seed)
        size = max(1, min(self.resamples, CHUNK // len(names)))
        for start in range(0, self.resamples, size):
            yield from draw([fold], min(size, self.resamples - start), generator, patients)


def observed(cohort: Labelled, figure: Figure) -> float | None:
    """A figure of the subjects as they are; None where it is not defined."""
    value = float(np.ravel(figure(np.ones((len(cohort.subjects), 1))))[0])
    return value if np.isfinite(value) else None
