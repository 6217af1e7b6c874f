"""Coverage of prediction sets: simulated cohorts, cross-validated, calibrated and refitted as `xdistill fit` does.

    python benchmarks/coverage.py [--draws 200]

Each draw is a cohort of its own. A network's place is taken by logistic regression: five folds give out-of-fold
predictions, `Calibration` is fitted on them, the model is fitted to all subjects, and 1,000 new subjects are predicted,
by it and by the ensemble of the folds. The table says which share of them has its class in the set, at a nominal 90 %,
over all draws. The temperature that would be best for the new subjects is shown beside the one that was fitted.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.neural_network import MLPClassifier

from xdistill.models.calibration import Calibration, OutOfFold, relative_spread
from xdistill.models.calibration.temperature import fit_temperature

LEVEL = 0.9
NEW = 1000
Case = tuple[int, int, int, float, tuple[float, ...]]
CASES: dict[str, Case] = {  # classes, patients, subjects per patient, strength of the signal, shares of the classes
    "two classes": (2, 200, 1, 1.0, (0.5, 0.5)),
    "two classes, 15 % positive": (2, 200, 1, 1.0, (0.85, 0.15)),
    "three classes": (3, 200, 1, 1.0, (0.4, 0.35, 0.25)),
    "three classes, 80 patients": (3, 80, 1, 1.0, (0.4, 0.35, 0.25)),
    "two classes, no signal": (2, 200, 1, 0.0, (0.5, 0.5)),
    "two classes, 1 to 4 subjects per patient": (2, 200, 4, 1.0, (0.5, 0.5)),
}


def cohort(
    generator: np.random.Generator, patients: int, most: int, signal: float, shares: tuple[float, ...]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Inputs ``(subjects, 5)``, targets and patients; subjects of a patient share the class and half of the noise."""
    classes = len(shares)
    counts = generator.integers(1, most + 1, patients)
    of_patient = np.repeat(np.arange(patients), counts)
    targets = generator.choice(classes, patients, p=shares)
    noise = generator.normal(size=(patients, 5))
    means = signal * np.eye(classes, 5)[targets] + noise * (0.7 if most > 1 else 1.0)
    inputs = means[of_patient]
    if most > 1:
        inputs = inputs + 0.7 * generator.normal(size=inputs.shape)
    return inputs, targets[of_patient], of_patient


def covered(seed: int, case: Case, overfitted: bool) -> dict[str, list[float]]:
    """By model: coverage, the worst class's, mean size of the sets, temperature, and the best one for new subjects."""
    classes, patients, most, signal, shares = case
    generator = np.random.default_rng(seed)
    inputs, targets, of_patient = cohort(generator, patients, most, signal, shares)
    splits = list(StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(inputs, targets, of_patient))
    networks = [classifier(overfitted).fit(inputs[train], targets[train]) for train, _ in splits]
    found, seen = np.zeros((2, len(targets), classes))
    for place, (_, test) in enumerate(splits):
        found[test] = networks[place].predict_proba(inputs[test])
        seen[test] = networks[(place + 1) % 5].predict_proba(inputs[test])  # as `spread_in` does
    new_inputs, new, _ = cohort(generator, NEW, most, signal, shares)
    models = {"fit": [classifier(overfitted).fit(inputs, targets)], "ensemble": networks}
    rows = {}
    for name, members in models.items():
        spread = relative_spread(mean_of(members, inputs), seen)
        calibration = Calibration.fit(OutOfFold(targets, found, of_patient), tuple("abc"[:classes]), spread=spread)
        probabilities = mean_of(members, new_inputs)
        sets = calibration.sets(calibration.apply(probabilities), LEVEL)
        inside = sets[np.arange(len(new)), new]
        worst = min(float(inside[new == index].mean()) for index in range(classes))
        best = fit_temperature(new, probabilities, np.ones(len(new)))
        rows[name] = [float(inside.mean()), worst, float(sets.sum(axis=1).mean()), calibration.temperature, best]
    return rows


def classifier(overfitted: bool) -> LogisticRegression | MLPClassifier:
    """A model that learns as much as there is, or one that memorises its subjects."""
    if not overfitted:
        return LogisticRegression()
    return MLPClassifier((16,), alpha=0.0, learning_rate_init=0.01, max_iter=150, random_state=0)


def mean_of(members: Sequence[LogisticRegression | MLPClassifier], inputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of the members' probabilities, ``(subjects, classes)``."""
    mean: NDArray[np.float64] = np.mean([member.predict_proba(inputs) for member in members], axis=0)
    return mean


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--overfitted", action="store_true", help="networks that memorise their subjects")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", message="Stochastic Optimizer: Maximum iterations")
    print(f"At a nominal 90 %, {options.draws} draws:\n")
    print("| cohort | model | coverage % | lowest class % | classes per set | temperature | best |")
    print("|---|---|---|---|---|---|---|")
    failed = []
    for name, case in CASES.items():
        draws = [covered(seed, case, options.overfitted) for seed in range(options.draws)]
        for model in draws[0]:
            found = np.array([draw[model] for draw in draws])
            coverage, worst, size = found[:, :3].mean(axis=0)
            temperature, best = np.median(found[:, 3:], axis=0)
            shown = f"{100 * coverage:.1f} | {100 * worst:.1f} | {size:.2f} | {temperature:.2f} | {best:.2f}"
            print(f"| {name} | {model} | {shown} |", flush=True)
            if not options.overfitted and not 0.88 <= coverage <= 0.92:
                failed.append(f"{name}, {model}")
    assert not failed, f"coverage is not between 88 and 92 %: {'; '.join(failed)}"


if __name__ == "__main__":
    main()
