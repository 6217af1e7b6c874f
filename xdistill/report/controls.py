"""What a method gains over its null controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from xdistill.data.splits import train_sizes
from xdistill.errors import RunError, UserError
from xdistill.recipe.schema.recipe import CONTROLS
from xdistill.report.scores import Column, primary_column, primary_words, written
from xdistill.runs import Run, load_run, read_record
from xdistill.runs.files import read_json
from xdistill.stats import ALPHA, LOWER_IS_BETTER, Interval, Method, Row, Summary, compare

WHAT: Final[Mapping[str, str]] = {
    "shuffled_privileged": "the privileged values of the training subjects were permuted among them",
    "constant_teacher": "the teacher's predictions are constant",
    "label_smoothing": "labels smoothed to the teacher's mean entropy take the place of the distillation terms",
    "self_distillation": "the teacher is a network of the student's kind, and sees what the student sees",
}


_AUC: Final = Column("auc_ovo", "AUC")


@dataclass(frozen=True)
class ControlScore:
    """One control, compared with the method.

    Attributes:
        control: its name.
        score: of its student by the metric that ranks, such as the AUC.
        gain: by how much the method is better, with its interval; None if it is not defined.
        p_holm: of the corrected resampled t-test, adjusted over the controls.
    """

    control: str
    score: Summary
    gain: Interval | None = None
    p_holm: float | None = None

    @property
    def title(self) -> str:
        """For people."""
        return words(self.control)

    @property
    def beaten(self) -> bool:
        """Whether the method is better than the control, and not by chance alone."""
        return self.gain is not None and self.p_holm is not None and self.gain.estimate > 0 and self.p_holm < ALPHA


@dataclass(frozen=True)
class Gain:
    """A method and all of its controls that were run.

    Attributes:
        scores: the controls, in the order of `CONTROLS`.
        reason: why no interval can be given; empty where it can.
        metric: in words.
        column: how it is written.
    """

    scores: tuple[ControlScore, ...]
    reason: str = ""
    metric: str = "macro one-versus-one AUC"
    column: Column = _AUC

    @property
    def best(self) -> ControlScore:
        """The control with the best score: the one that the method has to beat."""
        sign = -1 if self.column.metric in LOWER_IS_BETTER else 1
        return max(self.scores, key=lambda score: sign * score.score.mean)

    @property
    def head(self) -> str:
        """Heading of the scores."""
        title = "AUC" if self.column.metric == "auc_ovo" else self.column.title
        return f"{title} %" if self.column.percent else title

    def written(self, score: Summary) -> str:
        """A score as tables have it."""
        return written(score, percent=self.column.percent, unit=self.column.unit)

    def signed(self, difference: float) -> str:
        """A difference with its sign, in points of percent where the metric is in percent."""
        return f"{100 * difference:+.2f}" if self.column.percent else f"{difference:+.4g}"

    @property
    def absent(self) -> tuple[str, ...]:
        """Controls that were not run, for people."""
        run = {score.control for score in self.scores}
        return tuple(words(control) for control in CONTROLS if control not in run)

    def sentence(self) -> str:
        """The gain over the best control, and whether there is one."""
        best = self.best
        metric = f"an {self.metric}" if self.metric.startswith("AUC") else f"a {self.metric}"
        mean = f"{100 * best.score.mean:.2f} %" if self.column.percent else self._of_unit(best.score.mean)
        start = f"The best control is {best.title} with {metric} of {mean}"
        if best.gain is None:
            return f"{start}. The gain over it has no interval: {self.reason}"
        figures = (
            f"{self.signed(best.gain.estimate)}{' points' if self.column.percent else ''}, {best.gain.level:.0%} "
            f"interval {self.signed(best.gain.low)} to {self.signed(best.gain.high)}, p = {best.p_holm:.3f}"
        )
        if best.beaten:
            return f"{start}; the student gains over it ({figures})"
        return f"{start}; there is no gain over it that is more than chance ({figures})"

    def _of_unit(self, value: float) -> str:
        return f"{value:.4g} {self.column.unit}".strip()


def words(control: str) -> str:
    """A control's name for people."""
    return control.replace("_", " ")


def find_controls(run: Run) -> tuple[Run, ...]:
    """The finished controls of a run next to it: same recipe, cohort, splits and versions.

    Raises:
        RunError: if a control was changed since it was finished; names the file.
    """
    found = []
    for control in CONTROLS:
        folder = run.path.parent.with_name(f"{run.path.parent.name}-control-{control}")
        for path in sorted(folder.glob("*/record.json")):
            try:
                record = read_record(path)
            except RunError:  # of another version
                continue
            if record["status"] == "finished" and (record.get("control") or {}).get("of") == run.record.get("id"):
                found.append(load_run(path.parent))
                break
    return tuple(found)


def gain_over_controls(run: Run, controls: Sequence[Run] | None = None) -> Gain | None:
    """What the student of a run gains over its controls; None where there are none.

    Args:
        run: of the method.
        controls: of it; default: those next to it.
    """
    others = find_controls(run) if controls is None else tuple(controls)
    if run.control or not others:
        return None
    metric, column = run.task.primary, primary_column(run)
    plain = tuple(ControlScore(other.control, other.metrics["student"][metric]) for other in others)
    try:
        methods = [method_of(run, ""), *(method_of(other, other.control) for other in others)]
        patients = read_json(run.folder.splits).get("patients")
        rows = compare(methods, reference="", metrics=(metric,), patients=patients)[metric]
    except UserError as error:
        return Gain(plain, str(error), metric=primary_words(run), column=column)
    return Gain(tuple(map(_score, rows[1:])), metric=primary_words(run), column=column)


def _score(row: Row) -> ControlScore:
    against = row.against
    assert against is not None  # noqa: S101 - only the reference has none
    less = against.difference  # control - method
    gain = less if row.metric in LOWER_IS_BETTER else Interval(-less.estimate, -less.high, -less.low, less.level)
    return ControlScore(row.method, row.scores, gain, against.p_holm)


def method_of(run: Run, name: str) -> Method:
    """The student of a run as an entry of a comparison."""
    return Method(
        name=name,
        fingerprint=str(run.record["cohort"]["fingerprint"]),
        split_hash=str(run.record["split_hash"]),
        train_sizes=train_sizes(read_json(run.folder.splits)),
        seeds=(run.predictions,),
    )
