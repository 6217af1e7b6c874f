"""Power of the corrected resampled t-test: patients against true gain, for 1x5 and 10x5 splits.

No network is trained. The scores of two methods for the patients of a cohort are drawn with the correlations that two
networks of the leaderboard have (records in benchmarks/records/mvi_hcc, student alone against KD and against CMD-Net):
within a class, the log odds of a patient correlate by 0.64 and 0.78 between the methods in the same repeat, by 0.62 and
0.68 between repeats of the same method, and by 0.56 and 0.68 between methods and repeats. With 54 test patients a fold,
the difference then has a standard deviation of 5.6 points of AUC over folds; in these records it has 5.7 and 4.6.

Here every training part makes equally good networks. The formula of `xdistill.stats.power` is for the other extreme, in
which they differ as much between cohorts as the test allows for. Both are printed.

    python benchmarks/power.py [--studies 1000] [--seed 0]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr

from xdistill.stats.power import power_of_corrected_t, smallest_difference

Floats = NDArray[np.float64]

PATIENTS = (100, 200, 270, 400, 800, 1600)
GAINS = (0.0, 0.01, 0.02, 0.03, 0.05, 0.08)
REPEATS, FOLDS = 10, 5
AUC = 0.71  # of the student alone
# Variances of the parts of a patient's score within a class: the patient's own, which all networks see; what one method
# makes of the patient in every repeat; what both make of the patient in one repeat; the rest. They sum to one.
PATIENT, METHOD, REPEAT = 0.62, 0.03, 0.09
REST = 1 - PATIENT - METHOD - REPEAT
CHUNK = 50  # studies at once


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    start = time.perf_counter()
    print(
        f"{chosen.studies} studies a cell, two classes of equal size, AUC {AUC}; rejected at 0.05, simulated (formula)"
    )
    for patients in PATIENTS:
        deviation = 0.0
        for gain in GAINS:
            differences = simulated(patients, gain, chosen.studies, chosen.seed)
            deviation = float(np.sqrt(differences.var(axis=1, ddof=1).mean()))
            print(f"{patients:6} patients, gain {differences.mean():+.3f}, SD over folds {deviation:.3f}: ", end="")
            print(", ".join(cell(differences, gain, deviation, repeats) for repeats in (1, REPEATS)), flush=True)
        found = [smallest_difference(deviation, splits=repeats * FOLDS, test_share=0.25) for repeats in (1, REPEATS)]
        print(f"{patients:6} patients: found with power 0.8 from {found[0]:.3f} (1x5), {found[1]:.3f} (10x5)")
    print(f"{time.perf_counter() - start:.0f} s")


def cell(differences: Floats, gain: float, deviation: float, repeats: int) -> str:
    """Simulated power and that of the formula."""
    splits = repeats * FOLDS
    share = rejected(differences[:, :splits]).mean()
    formula = power_of_corrected_t(gain, deviation, splits=splits, test_share=0.25)
    return f"{repeats}x{FOLDS} {share:6.1%} ({formula:.1%})"


def rejected(differences: Floats) -> NDArray[np.bool_]:
    """By the corrected resampled t-test, ``(studies,)``, for differences ``(studies, splits)``."""
    splits = differences.shape[1]
    error = differences.std(axis=1, ddof=1) * np.sqrt(1 / splits + 1 / (FOLDS - 1))
    result: NDArray[np.bool_] = 2 * stdtr(splits - 1, -np.abs(differences.mean(axis=1) / error)) < 0.05
    return result


def simulated(patients: int, gain: float, studies: int, seed: int) -> Floats:
    """Differences of AUC, second method - first, ``(studies, repeats * folds)``."""
    return np.concatenate(list(_chunks(patients, gain, studies, seed)))


def _chunks(patients: int, gain: float, studies: int, seed: int) -> Iterator[Floats]:
    distance = np.sqrt(2) * ndtri([AUC, AUC + gain])
    for start in range(0, studies, CHUNK):
        yield differences_of(
            np.random.default_rng([seed, patients, start]), min(CHUNK, studies - start), patients // 2, distance
        )


def differences_of(generator: np.random.Generator, studies: int, size: int, distance: Floats) -> Floats:
    """Differences of AUC, ``(studies, repeats * folds)``.

    Args:
        generator: of the draws.
        studies: how many.
        size: patients of each class.
        distance: between the classes in the scores of each method, ``(2,)``, in standard deviations.
    """
    normal = generator.standard_normal
    shape = (studies, REPEATS, 2, 2, size)  # repeats, methods, classes
    scores = np.sqrt(PATIENT) * normal((studies, 1, 1, 2, size)) + np.sqrt(METHOD) * normal((studies, 1, 2, 2, size))
    scores = scores + np.sqrt(REPEAT) * normal((studies, REPEATS, 1, 2, size)) + np.sqrt(REST) * normal(shape)
    order = generator.random((studies, REPEATS, 1, 2, size)).argsort(axis=-1)  # other folds in every repeat
    members = np.take_along_axis(scores, np.broadcast_to(order, shape), axis=-1)
    parts = members.reshape(studies, REPEATS, 2, 2, FOLDS, size // FOLDS).swapaxes(3, 4)
    areas = auc(parts[..., 1, :] + distance[:, None, None], parts[..., 0, :])
    result: Floats = (areas[:, :, 1] - areas[:, :, 0]).reshape(studies, -1)
    return result


def auc(positive: Floats, negative: Floats) -> Floats:
    """Share of pairs in the right order, over the last axis."""
    count = positive.shape[-1]
    ranks = np.concatenate([positive, negative], axis=-1).argsort(axis=-1).argsort(axis=-1)[..., :count] + 1
    result: Floats = (ranks.sum(axis=-1) - count * (count + 1) / 2) / (count * negative.shape[-1])
    return result


if __name__ == "__main__":
    main()
