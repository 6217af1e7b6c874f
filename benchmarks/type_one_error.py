"""How often the tests find a difference between two methods: where there is none, and where there is one.

Each study draws 270 subjects of three grades (128, 93, 49) and two methods that are really trained: linear
discriminants on features of their own and features that both see, fitted anew on the training subjects of every split
of 10 repeats of 5 folds. That splits share subjects, in training and in test, is thereby as it is in life, and nothing
about the correlation between splits has to be assumed. Without a gap the two methods' features are distributed alike,
so every rejection is an error of the first kind.

Studies on fresh cohorts, which share no patient: two methods are trained on each of several independent cohorts, tested
on fresh subjects, and compared by the paired t-test over cohorts.

    python benchmarks/type_one_error.py [--studies 2000] [--gap-studies 1000] [--interval-studies 400]
                                        [--fresh-studies 1000] [--seed 0]
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xdistill.stats import ScoredFold, corrected_resampled_t, naive_paired_t, observed_scores, resampled_scores
from xdistill.stats.bootstrap import Interval
from xdistill.stats.independent import paired_difference
from xdistill.stats.metrics import auc_ovo

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Signals = tuple[float, float, float]

SIZES = (128, 93, 49)
GRADES = ("none", "low", "high")
FOLDS = 5
ALPHA = 0.05
SHARED, OWN = 8, 8  # numbers of features
# Shifts of one feature for one grade, in standard deviations: of the features that both methods see, of the first
# method's own and of the second's. The first method's AUC is near 0.70; the second is as good, or 4.4 points better.
EQUAL = (0.75, 0.45, 0.45)
BETTER_ALIKE = (0.75, 0.45, 0.75)
BETTER_APART = (0.30, 0.82, 1.01)
COHORTS, FRESH_TRAIN, FRESH_TEST = 10, 216, 540
TESTS = ("corrected, all splits", "naive, all splits", "corrected, one repeat", "naive, one repeat (paper_compat)")


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=2000, help="without a gap")
    parser.add_argument("--gap-studies", type=int, default=1000, help="with a gap")
    parser.add_argument("--interval-studies", type=int, default=400, help="without a gap, for the intervals")
    parser.add_argument("--fresh-studies", type=int, default=1000, help="of the paired t-test over fresh cohorts")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    start = time.perf_counter()
    print(f"{sum(SIZES)} subjects {SIZES}, {chosen.repeats}x{FOLDS} splits, tests at {ALPHA}")
    for title, studies, signals in (
        ("two equal methods: type I error", chosen.studies, EQUAL),
        ("one better, both see much of the same: power", chosen.gap_studies, BETTER_ALIKE),
        ("one better, both see mostly something else: power", chosen.gap_studies, BETTER_APART),
    ):
        if studies:
            print_rates(title, rates(studies, chosen.repeats, signals, chosen.seed))
    if chosen.interval_studies:
        linked, anew = coverage(chosen.interval_studies, chosen.repeats, chosen.seed)
        print(f"\n95 % bootstrap intervals of the difference that cover 0, {chosen.interval_studies} studies")
        print(f"  a patient keeps his multiplicity in all repeats  {linked:6.1%}")
        print(f"  drawn anew in every repeat                       {anew:6.1%}")
    if chosen.fresh_studies:
        print(f"\npaired t over {COHORTS} fresh cohorts of {FRESH_TRAIN}, {FRESH_TEST} test subjects each")
        for title, signals in (("two equal methods", EQUAL), ("one better", BETTER_ALIKE)):
            print_fresh(title, fresh_differences(chosen.fresh_studies, signals, chosen.seed))
    print(f"\n{time.perf_counter() - start:.0f} s")


@dataclass(frozen=True)
class Rates:
    """What came out of many studies.

    Attributes:
        rejected: share of studies by test.
        studies: how many.
        auc: mean of the first method.
        gap: mean AUC difference, second - first.
        fold_sd: mean standard deviation of a method's AUC over splits.
        split_correlation: mean correlation of the difference between splits of different repeats, as the ratio of the
            variance of a study's mean difference to that of a split's.
    """

    rejected: dict[str, float]
    studies: int
    auc: float
    gap: float
    fold_sd: float
    split_correlation: float


def rates(studies: int, repeats: int, signals: Signals, seed: int) -> Rates:
    """Simulate studies of two methods."""
    rejected = dict.fromkeys(TESTS, 0)
    scores = np.zeros((studies, 2, repeats * FOLDS))
    for index in range(studies):
        folds = study(np.random.default_rng([seed, index]), repeats, signals)
        scores[index] = observed_scores(folds, "auc_ovo")
        for test, p_value in zip(TESTS, p_values(scores[index, 1] - scores[index, 0]), strict=True):
            rejected[test] += p_value < ALPHA
    differences = scores[:, 1] - scores[:, 0]
    splits = differences.shape[1]
    ratio = differences.mean(axis=1).var() / differences.var(axis=0).mean()
    return Rates(
        rejected={test: count / studies for test, count in rejected.items()},
        studies=studies,
        auc=float(scores[:, 0].mean()),
        gap=float(differences.mean()),
        fold_sd=float(scores.std(axis=2, ddof=1).mean()),
        split_correlation=float((ratio - 1 / splits) / (1 - 1 / splits)),
    )


def p_values(differences: Floats) -> tuple[float, ...]:
    """Of the tests in the order of `TESTS`."""
    share = 1 / (FOLDS - 1)
    all_splits, one_repeat = differences.tolist(), differences[:FOLDS].tolist()
    return (
        corrected_resampled_t(all_splits, share).p_value,
        naive_paired_t(all_splits).p_value,
        corrected_resampled_t(one_repeat, share).p_value,
        naive_paired_t(one_repeat).p_value,
    )


def coverage(studies: int, repeats: int, seed: int, resamples: int = 500) -> tuple[float, float]:
    """Shares of intervals that cover a difference of 0: with multiplicities kept over repeats, and drawn anew."""
    covered = np.zeros(2)
    for index in range(studies):
        folds = study(np.random.default_rng([seed, index]), repeats, EQUAL)
        scores = observed_scores(folds, "auc_ovo").mean(axis=1)
        linked = resampled_scores(folds, ["auc_ovo"], resamples=resamples, seed=index)["auc_ovo"]
        anew = np.mean(
            [
                resampled_scores(folds[start : start + FOLDS], ["auc_ovo"], resamples=resamples, seed=start)["auc_ovo"]
                for start in range(0, len(folds), FOLDS)
            ],
            axis=0,
        )
        for way, values in enumerate((linked, anew)):
            interval = Interval.of(scores[1] - scores[0], values[1] - values[0])
            covered[way] += interval.low <= 0 <= interval.high
    linked_share, anew_share = covered / studies
    return float(linked_share), float(anew_share)


def fresh_differences(studies: int, signals: Signals, seed: int) -> Floats:
    """Differences of AUC, second method - first, ``(studies, cohorts)``, each cohort with subjects of its own."""
    share = (FRESH_TRAIN + FRESH_TEST) / sum(SIZES)
    target = np.repeat(np.arange(len(SIZES)), [round(share * size) for size in SIZES])
    found = np.zeros((studies, COHORTS))
    for index in range(studies):
        generator = np.random.default_rng([seed, 1, index])
        for cohort in range(COHORTS):
            shared = features(generator, target, SHARED, signals[0])
            own = [features(generator, target, OWN, strength) for strength in signals[1:]]
            trained = generator.permutation(len(target)) < FRESH_TRAIN
            first, second = (
                auc_ovo(
                    target[~trained],
                    discriminant(np.hstack([shared, mine]), target, trained[None])[0, ~trained],
                    GRADES,
                )
                for mine in own
            )
            found[index, cohort] = second - first
    return found


def study(generator: np.random.Generator, repeats: int, signals: Signals) -> tuple[ScoredFold, ...]:
    """One cohort, two methods trained on every split of it."""
    target = np.repeat(np.arange(len(SIZES)), SIZES)
    shared = features(generator, target, SHARED, signals[0])
    own = [features(generator, target, OWN, strength) for strength in signals[1:]]
    tested = test_masks(generator, target, repeats)
    predicted = [discriminant(np.hstack([shared, mine]), target, ~tested) for mine in own]
    return tuple(
        ScoredFold(
            repeat=split // FOLDS,
            fold=split % FOLDS,
            subjects=tuple(map(str, np.flatnonzero(mask))),
            target=target[mask],
            train_size=int((~mask).sum()),
            probabilities=tuple(method[split, mask][None] for method in predicted),
            strata=target[mask],
        )
        for split, mask in enumerate(tested)
    )


def features(generator: np.random.Generator, target: Integers, number: int, signal: float) -> Floats:
    """Normal features ``(subjects, number)``, the first of which is shifted by ``signal`` a grade."""
    values = generator.normal(size=(len(target), number))
    values[:, 0] += signal * target
    return values


def test_masks(generator: np.random.Generator, target: Integers, repeats: int) -> NDArray[np.bool_]:
    """Stratified folds: who is tested, ``(repeats * folds, subjects)``."""
    masks = np.zeros((repeats * FOLDS, len(target)), dtype=bool)
    for repeat in range(repeats):
        order = np.concatenate([generator.permutation(np.flatnonzero(target == grade)) for grade in range(len(SIZES))])
        for fold in range(FOLDS):
            masks[repeat * FOLDS + fold, order[fold::FOLDS]] = True
    return masks


def discriminant(values: Floats, target: Integers, trained: NDArray[np.bool_]) -> Floats:
    """Linear discriminant analysis on every split at once: probabilities of all subjects.

    Args:
        values: features ``(subjects, features)``.
        target: grades ``(subjects,)``.
        trained: who is trained on ``(splits, subjects)``.

    Returns:
        ``(splits, subjects, grades)``.
    """
    members = trained[:, :, None] * np.eye(len(SIZES))[target]  # (splits, subjects, grades)
    sizes = members.sum(axis=1)
    means = np.swapaxes(members, 1, 2) @ values / sizes[:, :, None]  # (splits, grades, features)
    squares = np.stack([values[mask].T @ values[mask] for mask in trained])
    within = squares - np.swapaxes(means * sizes[:, :, None], 1, 2) @ means
    covariance = within / (sizes.sum(axis=1) - len(SIZES))[:, None, None]
    directions = np.linalg.solve(covariance, np.swapaxes(means, 1, 2))  # (splits, features, grades)
    offset = np.log(sizes / sizes.sum(axis=1, keepdims=True)) - (means * np.swapaxes(directions, 1, 2)).sum(axis=2) / 2
    logits = values @ directions + offset[:, None, :]
    logits -= logits.max(axis=2, keepdims=True)
    odds = np.exp(logits)
    result: Floats = odds / odds.sum(axis=2, keepdims=True)
    return result


def print_rates(title: str, found: Rates) -> None:
    """A table with 95 % intervals of the simulation itself."""
    print(f"\n{title} ({found.studies} studies)")
    print(f"  AUC {found.auc:.3f}, gap {found.gap:+.4f}, SD over folds {found.fold_sd:.3f}, ", end="")
    print(f"correlation of differences between splits {found.split_correlation:.2f}")
    for test, share in found.rejected.items():
        half = 1.96 * np.sqrt(share * (1 - share) / found.studies)
        print(f"  {test:34} rejects {share:6.1%} ± {half:.1%}")


def print_fresh(title: str, differences: Floats) -> None:
    """How often the paired t-test over cohorts rejects."""
    share = float(np.mean([paired_difference(row.tolist()).p_value < ALPHA for row in differences]))
    half = 1.96 * np.sqrt(share * (1 - share) / len(differences))
    print(f"  {title}: gap {differences.mean():+.4f}, SD over cohorts {differences.std():.4f}, ", end="")
    print(f"rejects {share:6.1%} ± {half:.1%} ({len(differences)} studies)")


if __name__ == "__main__":
    main()
