"""The figures of a diagnosis, computed from the predictions of its runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xdistill.diagnosis.figures import Advantage, Calibration, Fidelity, Figures, Power
from xdistill.errors import UserError
from xdistill.models.calibration.temperature import SMALLEST, fit_temperature, scaled
from xdistill.recipe.schema.crossval import Crossval
from xdistill.stats import FoldPredictions, Method, Predictions, Row, compare, gaps_closed
from xdistill.stats.metrics import ece
from xdistill.stats.power import smallest_difference, smallest_difference_of_interval

Floats = NDArray[np.float64]
METRIC = "auc_ovo"
ALONE, TEACHER, TAUGHT = "student alone", "teacher", "student that imitates the teacher"


@dataclass(frozen=True)
class Material:
    """What the figures are computed from.

    Attributes:
        alone: predictions of the run in which teacher and student are trained separately.
        imitation: those of the run whose student imitates the teacher; None if there is none.
        fingerprint: of the cohort.
        split_hash: of the splits.
        train_sizes: number of training subjects by (repeat, fold).
        patients: patient by subject.
        shares: class shares of the training subjects by (repeat, fold), ``(classes,)``.
        crossval: of the recipe itself.
        official_test: number of subjects of its official test part; 0 without an official split.
    """

    alone: Predictions
    imitation: Predictions | None
    fingerprint: str
    split_hash: str
    train_sizes: Mapping[tuple[int, int], int]
    patients: Mapping[str, str]
    shares: Mapping[tuple[int, int], Floats]
    crossval: Crossval
    official_test: int

    def method(self, name: str, predictions: Predictions, role: str = "student") -> Method:
        """One entry of a comparison; only subjects that the teacher scores count."""
        scored = {(fold.repeat, fold.fold): fold.subjects for fold in self.alone.of("teacher")}
        folds = tuple(_only(fold, scored[fold.repeat, fold.fold]) for fold in predictions.of(role))
        given = Predictions(predictions.task, folds)
        return Method(name, self.fingerprint, self.split_hash, self.train_sizes, (given,), role)


def measure(material: Material) -> Figures:
    """All figures.

    Raises:
        UserError: if the teacher scores no test subject.
    """
    teacher = material.alone.of("teacher")
    if not teacher:
        raise UserError("the teacher scores no test subject, because each lacks a modality that it reads")
    methods = [
        material.method(ALONE, material.alone),
        material.method(TEACHER, material.alone, "teacher"),
        *([] if material.imitation is None else [material.method(TAUGHT, material.imitation)]),
    ]
    rows = compare(methods, reference=ALONE, metrics=(METRIC,), patients=material.patients)[METRIC]
    lead = _advantage(rows[1])
    fidelity = _fidelity(methods, rows, material.patients) if material.imitation is not None else None
    subjects = {subject for fold in teacher for subject in fold.subjects}
    patients = len({material.patients[subject] for subject in subjects})
    return Figures(
        metric=METRIC,
        subjects=len(subjects),
        patients=patients,
        folds=len(teacher),
        teacher=rows[1].scores.mean,
        student=rows[0].scores.mean,
        lead=lead,
        calibration=_calibration(teacher, material.shares),
        fidelity=fidelity,
        power=_power(material, lead if fidelity is None else fidelity.gain, lead, patients, len(teacher)),
    )


def _only(fold: FoldPredictions, subjects: Sequence[str]) -> FoldPredictions:
    row_of = {subject: row for row, subject in enumerate(fold.subjects)}
    rows = [row_of[subject] for subject in subjects]
    return replace(fold, subjects=tuple(subjects), target=fold.target[rows], probabilities=fold.probabilities[rows])


def _advantage(row: Row) -> Advantage:
    against = row.against
    assert against is not None  # noqa: S101 - only the reference has none
    difference = against.difference
    return Advantage(
        estimate=difference.estimate,
        low=difference.low,
        high=difference.high,
        t_interval=against.test.interval,
        deviation=float(np.std(against.splits, ddof=1)),
    )


def _calibration(folds: Sequence[FoldPredictions], shares: Mapping[tuple[int, int], Floats]) -> Calibration:
    target = np.concatenate([fold.target for fold in folds])
    probabilities = np.concatenate([fold.probabilities for fold in folds])
    prevalence = np.concatenate([np.tile(shares[fold.repeat, fold.fold], (len(fold.target), 1)) for fold in folds])
    temperature = fit_temperature(target, probabilities, np.ones(len(target)))
    return Calibration(
        ece=ece(target, probabilities, ()),
        log_loss=_log_loss(target, probabilities),
        prevalence_log_loss=_log_loss(target, prevalence),
        temperature=temperature,
        scaled_log_loss=_log_loss(target, scaled(probabilities, temperature)),
    )


def _log_loss(target: NDArray[np.int64], probabilities: Floats) -> float:
    return float(-np.log(np.clip(probabilities[np.arange(len(target)), target], SMALLEST, 1)).mean())


def _fidelity(methods: Sequence[Method], rows: Sequence[Row], patients: Mapping[str, str]) -> Fidelity:
    alone, teacher, taught = (method.seeds[0].of(method.role) for method in methods)
    (closed,) = gaps_closed((methods[2],), methods[0], methods[1], metric=METRIC, patients=patients)
    return Fidelity(
        r2=explained_variance(teacher, taught),
        rank=rank_correlation(teacher, taught),
        r2_alone=explained_variance(teacher, alone),
        rank_alone=rank_correlation(teacher, alone),
        score=rows[2].scores.mean,
        gain=_advantage(rows[2]),
        visible=None if closed.share is None else closed.share.estimate,
    )


def explained_variance(teacher: Sequence[FoldPredictions], student: Sequence[FoldPredictions]) -> float:
    """R² of the teacher's probabilities over all classes, around their mean in each fold; 0 if they are constant.

    Args:
        teacher: of some folds.
        student: of the same folds and subjects.
    """
    pairs = [(ours.probabilities, theirs.probabilities) for ours, theirs in zip(teacher, student, strict=True)]
    wrong = sum(float(((ours - theirs) ** 2).sum()) for ours, theirs in pairs)
    whole = sum(float(((ours - ours.mean(axis=0)) ** 2).sum()) for ours, _ in pairs)
    return 1 - wrong / whole if whole > 0 else 0.0


def rank_correlation(teacher: Sequence[FoldPredictions], student: Sequence[FoldPredictions]) -> float:
    """Spearman correlation with the teacher's probabilities, mean over classes and folds; 0 where one is constant."""
    from scipy.stats import spearmanr

    found = [
        float(spearmanr(one, other).statistic) if np.ptp(one) > 0 and np.ptp(other) > 0 else 0.0
        for ours, theirs in zip(teacher, student, strict=True)
        for one, other in zip(ours.probabilities.T, theirs.probabilities.T, strict=True)
    ]
    return float(np.mean(found))


def _power(material: Material, pair: Advantage, lead: Advantage, patients: int, folds: int) -> Power:
    """What the recipe's own test can show, if its methods differ as much from patient to patient as this pair.

    The deviation over folds is an estimate from few folds; where it is below what the bootstrap over patients implies,
    the latter counts.
    """
    crossval = material.crossval
    expected = next((one.estimate for one in (pair, lead) if one.estimate > 0), None)
    if crossval.single:
        size = material.official_test
        error = pair.error * np.sqrt(patients / size)
        own = smallest_difference_of_interval(error)
        return Power(own, "official", None, _needed(size, own, expected))
    if crossval.by is not None:  # these folds cannot be repeated
        own = smallest_difference(
            max(pair.deviation, pair.error * np.sqrt(folds), _TINY), splits=folds, test_share=1 / (folds - 1)
        )
        return Power(own, f"1x{folds}", None, _needed(patients, own, expected))
    deviation = max(pair.deviation * np.sqrt(crossval.folds / folds), pair.error * np.sqrt(crossval.folds), _TINY)
    share = 1 / (crossval.folds - 1)
    own, ten = (
        smallest_difference(deviation, splits=repeats * crossval.folds, test_share=share)
        for repeats in (crossval.repeats, 10)
    )
    return Power(own, f"{crossval.repeats}x{crossval.folds}", ten, _needed(patients, ten, expected))


def _needed(patients: int, smallest: float, expected: float | None) -> int | None:
    """Patients with whom the smallest difference would be the expected one: it falls with their square root."""
    return None if expected is None else int(np.ceil(patients * (smallest / expected) ** 2))


_TINY = 1e-12  # two networks that predict alike have no deviation
