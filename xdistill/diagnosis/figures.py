"""The figures of a diagnosis, as plain values."""

from __future__ import annotations

from dataclasses import dataclass

ONE_PART = "one test part"


@dataclass(frozen=True)
class Advantage:
    """By how much one method is better than another, in the unit of the metric.

    Attributes:
        estimate: mean difference over test folds; above 0: better, also if lower values of the metric are.
        low: lower end of the paired 95 % bootstrap interval by patient, for the networks as they were trained.
        high: its upper end.
        t_interval: the 95 % interval of the corrected resampled t-test, which counts other training subjects too; None
            if all folds have the same difference.
        deviation: standard deviation of the difference over folds (ddof 1).
    """

    estimate: float
    low: float
    high: float
    t_interval: tuple[float, float] | None
    deviation: float

    @property
    def error(self) -> float:
        """Standard error of the estimate over test patients, from the width of the bootstrap interval."""
        return (self.high - self.low) / (2 * 1.96)


@dataclass(frozen=True)
class Calibration:
    """How good the teacher's predictions are, on subjects that it did not learn from.

    Attributes:
        log_loss: mean negative log-likelihood, in nats; of a task without probabilities its validation loss.
        prevalence_log_loss: that of the best constant prediction, such as the class shares in training.
        ece: expected calibration error, 0 to 1; None for a task without this metric.
        temperature: that makes the log loss smallest; above 1: overconfident. None without probabilities.
        scaled_log_loss: the log loss with it; fitted to the same subjects.
    """

    log_loss: float
    prevalence_log_loss: float
    ece: float | None = None
    temperature: float | None = None
    scaled_log_loss: float | None = None


@dataclass(frozen=True)
class Fidelity:
    """How much of the teacher can be predicted from the student's modalities, on subjects new to both.

    Attributes:
        r2: share of the variance of the teacher's predictions that a student trained on its outputs explains; below 0
            if their mean is a better prediction. None where only their order means something, as of Cox's risks.
        rank: Spearman correlation with the teacher's predictions, mean over columns and folds.
        r2_alone: the first of the student that was trained on the labels alone.
        rank_alone: the second of that student.
        score: metric of the student that was trained on the teacher's outputs and no label.
        gain: that student against the student alone.
        visible: gain / the teacher's lead; None if the lead may be zero.
    """

    r2: float | None
    rank: float
    r2_alone: float | None
    rank_alone: float
    score: float
    gain: Advantage
    visible: float | None


@dataclass(frozen=True)
class Room:
    """What distillation can give: the student that learns from labels and teacher, half of its loss each.

    Attributes:
        score: its metric.
        gain: that student against the student alone.
    """

    score: float
    gain: Advantage


@dataclass(frozen=True)
class Power:
    """The smallest gains that can be shown at 0.05 with a probability of 0.8, in the unit of the metric.

    Attributes:
        own: with the recipe's own splits.
        splits: of the recipe, such as ``1x5`` or ``one test part``.
        ten: with 10 repeats of its folds; None where these cannot be repeated.
        tested: patients that the recipe tests.
        patients: that it would have to test, with 10 repeats if there are folds, to show the expected gain; None if no
            gain is expected.
    """

    own: float
    splits: str
    ten: float | None
    tested: int
    patients: int | None


@dataclass(frozen=True)
class Figures:
    """What is measured.

    Attributes:
        metric: what is compared.
        subjects: scored, on folds of the training part if the recipe has an official split.
        patients: among them.
        folds: how many.
        teacher: metric of the teacher on subjects that it did not learn from.
        student: that of the student trained on the labels alone.
        lead: teacher against student.
        calibration: of the teacher; None where only the order of predictions means something.
        fidelity: of a student that imitates the teacher; None if the student is fitted without gradients, or the task
            names no loss for it.
        room: for gain; None where `fidelity` is.
        power: what the recipe's own test can show.
        higher_is_better: the metric's direction.
        percent: whether differences are shown in points, hundredths of the metric.
        unit: of the metric, such as ``mmol/L``.
    """

    metric: str
    subjects: int
    patients: int
    folds: int
    teacher: float
    student: float
    lead: Advantage
    calibration: Calibration | None
    fidelity: Fidelity | None
    room: Room | None
    power: Power
    higher_is_better: bool = True
    percent: bool = True
    unit: str = ""

    def amount(self, value: float, sign: str = "") -> str:
        """A difference of the metric in words, such as ``2.1 points`` or ``0.31 mmol/L``; `sign` ``+`` shows it."""
        if self.percent:
            return f"{100 * value:{sign}.1f} points"
        return f"{value:{sign}.3g} {self.unit}".rstrip()

    def span(self, low: float, high: float) -> str:
        """Two ends of an interval of differences, without their unit."""
        return f"{100 * low:+.1f} to {100 * high:+.1f}" if self.percent else f"{low:+.3g} to {high:+.3g}"
