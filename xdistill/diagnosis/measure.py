"""The figures of a diagnosis, computed from the predictions of its runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.diagnosis.figures import ONE_PART, Advantage, Calibration, Fidelity, Figures, Power, Room
from xdistill.models.calibration.temperature import BOUNDS
from xdistill.recipe.schema.crossval import Crossval
from xdistill.stats import METRICS, FoldPredictions, Method, Predictions, Row, compare, gaps_closed, mean_test_share
from xdistill.stats.power import smallest_difference, smallest_difference_of_interval
from xdistill.tasks import Score, Task

Floats = NDArray[np.float64]
ALONE, TEACHER, IMITATING, TAUGHT = "student alone", "teacher", "student that imitates", "student of both"


@dataclass(frozen=True)
class Material:
    """What the figures are computed from.

    Attributes:
        alone: predictions of the run in which teacher and student are trained separately.
        imitation: those of the run whose student imitates the teacher; None if there is none.
        taught: those of the run whose student learns from labels and teacher; None if there is none.
        fingerprint: of the cohort.
        split_hash: of the splits.
        train_sizes: number of training subjects by (repeat, fold).
        patients: patient by subject.
        shares: the best constant prediction by (repeat, fold), such as the class shares of the training subjects,
            ``(columns,)``.
        tasks: the task as fitted to the training subjects, by (repeat, fold).
        crossval: of the recipe itself.
        single_test: number of patients of its test part, if it has one test part; else 0.
    """

    alone: Predictions
    imitation: Predictions | None
    taught: Predictions | None
    fingerprint: str
    split_hash: str
    train_sizes: Mapping[tuple[int, int], int]
    patients: Mapping[str, str]
    shares: Mapping[tuple[int, int], Floats]
    tasks: Mapping[tuple[int, int], Task]
    crossval: Crossval
    single_test: int

    def method(self, name: str, predictions: Predictions, role: str = "student") -> Method:
        """One entry of a comparison; only subjects that the teacher scores count."""
        scored = {(fold.repeat, fold.fold): fold.subjects for fold in self.alone.of("teacher")}
        folds = tuple(_only(fold, scored[fold.repeat, fold.fold]) for fold in predictions.of(role))
        given = Predictions(predictions.task, folds)
        return Method(name, self.fingerprint, self.split_hash, self.train_sizes, (given,), role)


def measure(material: Material) -> Figures:
    """All figures; the teacher has to score some subjects of every fold."""
    teacher = material.alone.of("teacher")
    task = material.alone.task
    score = next(score for score in task.scores if score.name == task.primary)
    methods = [
        material.method(ALONE, material.alone),
        material.method(TEACHER, material.alone, "teacher"),
        *(
            material.method(name, given)
            for name, given in ((IMITATING, material.imitation), (TAUGHT, material.taught))
            if given is not None
        ),
    ]
    rows = compare(methods, reference=ALONE, metrics=(score.name,), patients=material.patients)[score.name]
    lead = _advantage(rows[1], score)
    fidelity = None if material.imitation is None else _fidelity(methods, rows, score, material)
    room = None if material.taught is None else Room(rows[-1].scores.mean, _advantage(rows[-1], score))
    subjects = {subject for fold in teacher for subject in fold.subjects}
    patients = len({material.patients[subject] for subject in subjects})
    return Figures(
        metric=score.name,
        subjects=len(subjects),
        patients=patients,
        folds=len(teacher),
        teacher=rows[1].scores.mean,
        student=rows[0].scores.mean,
        lead=lead,
        calibration=None if task.relative else _calibration(teacher, material),
        fidelity=fidelity,
        room=room,
        power=_power(material, lead if room is None else room.gain, patients),
        higher_is_better=score.higher_is_better,
        percent=score.percent,
        unit=score.unit,
    )


def _only(fold: FoldPredictions, subjects: Sequence[str]) -> FoldPredictions:
    row_of = {subject: row for row, subject in enumerate(fold.subjects)}
    rows = [row_of[subject] for subject in subjects]
    return replace(fold, subjects=tuple(subjects), target=fold.target[rows], probabilities=fold.probabilities[rows])


def _advantage(row: Row, score: Score) -> Advantage:
    against = row.against
    assert against is not None  # noqa: S101 - only the reference has none
    difference, interval = against.difference, against.test.interval
    low, high = _better(score, difference.low, difference.high)
    return Advantage(
        estimate=difference.estimate if score.higher_is_better else -difference.estimate,
        low=low,
        high=high,
        t_interval=None if interval is None else _better(score, *interval),
        deviation=float(np.std(against.splits, ddof=1)),
    )


def _better(score: Score, low: float, high: float) -> tuple[float, float]:
    """An interval of differences, of which those above zero are better."""
    return (low, high) if score.higher_is_better else (-high, -low)


def _calibration(folds: Sequence[FoldPredictions], material: Material) -> Calibration:
    task = material.alone.task
    target = np.concatenate([fold.target for fold in folds])
    predictions = np.concatenate([fold.probabilities for fold in folds])
    alike = [np.tile(material.shares[fold.repeat, fold.fold], (len(fold.target), 1)) for fold in folds]
    fitted = [material.tasks[fold.repeat, fold.fold] for fold in folds]
    losses = [
        [of_fold.validation_loss(given, fold.target) for given in (fold.probabilities, same)]
        for of_fold, fold, same in zip(fitted, folds, alike, strict=True)
    ]
    loss, loss_of_same = np.average(losses, axis=0, weights=[len(fold.target) for fold in folds]).tolist()
    known = {score.name for score in task.scores}
    temperature, scaled = fit_temperature(task, target, predictions) if task.probabilistic else (None, None)
    return Calibration(
        log_loss=loss,
        prevalence_log_loss=loss_of_same,
        ece=METRICS["ece"](target, predictions, task.names) if "ece" in known else None,
        temperature=temperature,
        scaled_log_loss=scaled,
    )


def fit_temperature(task: Task, target: NDArray[Any], predictions: Floats) -> tuple[float, float]:
    """The temperature with the smallest log loss, between 0.05 and 20, and that loss; logits are divided by it."""
    import torch
    from scipy.optimize import minimize_scalar

    logits = torch.from_numpy(task.logits_of(predictions))

    def loss(inverse: float) -> float:
        return task.validation_loss(task.predict(logits * inverse).numpy(), target)

    low, high = 1 / BOUNDS[1], 1 / BOUNDS[0]
    found = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-8})
    return float(1 / found.x), float(found.fun)


def _fidelity(methods: Sequence[Method], rows: Sequence[Row], score: Score, material: Material) -> Fidelity:
    alone, teacher, imitating = (method.seeds[0].of(method.role) for method in methods[:3])
    (closed,) = gaps_closed((methods[2],), methods[0], methods[1], metric=score.name, patients=material.patients)
    task = material.alone.task
    r2, r2_alone = (None if task.relative else explained_variance(teacher, one, task) for one in (imitating, alone))
    return Fidelity(
        r2=r2,
        rank=rank_correlation(teacher, imitating),
        r2_alone=r2_alone,
        rank_alone=rank_correlation(teacher, alone),
        score=rows[2].scores.mean,
        gain=_advantage(rows[2], score),
        visible=None if closed.share is None else closed.share.estimate,
    )


def explained_variance(teacher: Sequence[FoldPredictions], student: Sequence[FoldPredictions], task: Task) -> float:
    """R² of the teacher's predictions over all columns, around their mean in each fold; 0 if they are constant.

    Probabilities count as they are; other columns, whose units differ, each in its standard deviation.

    Args:
        teacher: of some folds.
        student: of the same folds and subjects.
        task: of both.
    """
    pairs = [(ours.probabilities, theirs.probabilities) for ours, theirs in zip(teacher, student, strict=True)]
    wrong = sum((((ours - theirs) ** 2).sum(axis=0) for ours, theirs in pairs), start=np.zeros(len(task.columns)))
    whole = sum((((ours - ours.mean(axis=0)) ** 2).sum(axis=0) for ours, _ in pairs), start=np.zeros(len(task.columns)))
    if task.probabilistic:
        wrong, whole = wrong.sum(keepdims=True), whole.sum(keepdims=True)
    varies = whole > 0
    return float((1 - wrong[varies] / whole[varies]).mean()) if varies.any() else 0.0


def rank_correlation(teacher: Sequence[FoldPredictions], student: Sequence[FoldPredictions]) -> float:
    """Spearman correlation with the teacher's predictions, mean over columns and folds; 0 where one is constant."""
    from scipy.stats import spearmanr

    found = [
        float(spearmanr(one, other).statistic) if np.ptp(one) > 0 and np.ptp(other) > 0 else 0.0
        for ours, theirs in zip(teacher, student, strict=True)
        for one, other in zip(ours.probabilities.T, theirs.probabilities.T, strict=True)
    ]
    return float(np.mean(found))


def _power(material: Material, pair: Advantage, patients: int) -> Power:
    """What the recipe's own test can show, if its methods differ as much from patient to patient as this pair.

    The deviation over folds is an estimate from few folds; where it is below what the bootstrap over patients implies,
    the latter counts.
    """
    crossval, scored = material.crossval, material.alone.of("teacher")
    folds = len(scored)
    if crossval.single:
        size = material.single_test
        own = smallest_difference_of_interval(pair.error * np.sqrt(patients / size))
        return Power(own, ONE_PART, None, size, _needed(size, own, pair.estimate))
    if crossval.by is not None:  # these folds cannot be repeated
        deviation = max(pair.deviation, pair.error * np.sqrt(folds), _TINY)
        sizes = [len(fold.subjects) for fold in scored]
        share = mean_test_share(sizes, [material.train_sizes[fold.repeat, fold.fold] for fold in scored])
        own = smallest_difference(deviation, splits=folds, test_share=share)
        return Power(own, f"1x{folds}", None, patients, _needed(patients, own, pair.estimate))
    deviation = max(pair.deviation * np.sqrt(crossval.folds / folds), pair.error * np.sqrt(crossval.folds), _TINY)
    share = 1 / (crossval.folds - 1)
    own, ten = (
        smallest_difference(deviation, splits=repeats * crossval.folds, test_share=share)
        for repeats in (crossval.repeats, 10)
    )
    return Power(own, f"{crossval.repeats}x{crossval.folds}", ten, patients, _needed(patients, ten, pair.estimate))


def _needed(patients: int, smallest: float, expected: float) -> int | None:
    """Patients with whom the smallest difference would be the expected one: it falls with their square root."""
    return int(np.ceil(patients * (smallest / expected) ** 2)) if expected > 0 else None


_TINY = 1e-12  # two networks that predict alike have no deviation
