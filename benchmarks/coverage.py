"""Coverage of prediction sets: simulated cohorts, cross-validated, calibrated and refitted as `xdistill fit` does.

    python benchmarks/coverage.py [--draws 200]

Each draw is a cohort of its own. A network's place is taken by logistic regression: five folds give out-of-fold
predictions, `Calibration` is fitted on them, the model is fitted to all subjects, and 1,000 new subjects are predicted.
The table says which share of them has its class in the set, at a nominal 90 %, over all draws.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

from xdistill.models.calibration import Calibration, OutOfFold

LEVEL = 0.9
NEW = 1000
CASES = {  # classes, patients, subjects per patient, strength of the signal, shares of the classes
    "two classes": (2, 200, 1, 1.0, (0.5, 0.5)),
    "two classes, 15 % positive": (2, 200, 1, 1.0, (0.85, 0.15)),
    "three classes": (3, 200, 1, 1.0, (0.4, 0.35, 0.25)),
    "three classes, 80 patients": (3, 80, 1, 1.0, (0.4, 0.35, 0.25)),
    "two classes, no signal": (2, 200, 1, 0.0, (0.5, 0.5)),
    "two classes, 1 to 4 subjects a patient": (2, 200, 4, 1.0, (0.5, 0.5)),
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


def covered(seed: int, case: tuple[int, int, int, float, tuple[float, ...]]) -> tuple[float, float, float, float]:
    """Coverage, the worst class's coverage, mean size of the sets, and the temperature in one draw."""
    classes, patients, most, signal, shares = case
    generator = np.random.default_rng(seed)
    inputs, targets, of_patient = cohort(generator, patients, most, signal, shares)
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    found = cross_val_predict(
        LogisticRegression(), inputs, targets, groups=of_patient, cv=folds, method="predict_proba"
    )
    calibration = Calibration.fit(OutOfFold(targets, found, of_patient), tuple("abc"[:classes]))
    new_inputs, new, _ = cohort(generator, NEW, 1 if most == 1 else most, signal, shares)
    probabilities = LogisticRegression().fit(inputs, targets).predict_proba(new_inputs)
    sets = calibration.sets(calibration.apply(probabilities), LEVEL)
    inside = sets[np.arange(len(new)), new]
    worst = min(float(inside[new == index].mean()) for index in range(classes))
    return float(inside.mean()), worst, float(sets.sum(axis=1).mean()), calibration.temperature


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=200)
    draws = parser.parse_args().draws
    print(f"| cohort | coverage % (nominal 90) | lowest class % | classes a set | temperature |  ({draws} draws)")
    print("|---|---|---|---|---|")
    failed = []
    for name, case in CASES.items():
        rows = np.array([covered(seed, case) for seed in range(draws)])
        coverage, worst, size, temperature = rows.mean(axis=0)
        print(f"| {name} | {100 * coverage:.2f} | {100 * worst:.2f} | {size:.2f} | {temperature:.2f} |")
        if not 0.88 <= coverage <= 0.92:
            failed.append(name)
    assert not failed, f"coverage is not between 88 and 92 %: {', '.join(failed)}"


if __name__ == "__main__":
    main()
