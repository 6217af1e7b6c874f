"""The rows of the result table, and how figures are written in it; the page and the terminal share them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from xdistill.report.intervals import score_intervals
from xdistill.report.remarks.external import external_rows
from xdistill.runs import Run
from xdistill.stats import METRICS, Interval, Predictions, Summary
from xdistill.tasks import Classification, Task

Kind = Literal["student", "teacher", "bound", "reference"]
NOTHING: Final = "–"  # noqa: RUF001 - a dash where a table has no figure
FEWEST: Final = 3  # folds of which a standard deviation says something


@dataclass(frozen=True)
class Column:
    """One metric of the table.

    Attributes:
        metric: its name in `Run.metrics`.
        title: for people.
        percent: whether it is written in percent with two decimals; otherwise as a fraction with three.
        unit: of the value, which is then written with four significant digits.
        note: which direction is better.
    """

    metric: str
    title: str
    percent: bool = True
    unit: str = ""
    note: str = "higher is better"


def columns(task: Task) -> tuple[Column, ...]:
    """The columns of the result table of a task."""
    scores = {score.name: score for score in task.scores}
    return tuple(
        Column(
            name,
            f"{scores[name].title} ({scores[name].unit})" if scores[name].unit else scores[name].title,
            percent=scores[name].percent,
            unit=scores[name].unit,
            note="higher is better" if scores[name].higher_is_better else "lower is better",
        )
        for name in task.table
    )


@dataclass(frozen=True)
class ScoreRow:
    """One row of the table.

    Attributes:
        label: what was scored.
        kind: a network of the run, a bound of the cohort, or a constant prediction.
        values: by metric; metrics that the row does not have are absent.
        intervals: of the means, by metric; of networks alone.
    """

    label: str
    kind: Kind
    values: Mapping[str, Summary]
    intervals: Mapping[str, Interval] = field(default_factory=dict)

    def cell(self, column: Column) -> str:
        """The figure as it is written in the column; a constant prediction has no deviation."""
        text = written(self.values.get(column.metric), percent=column.percent, unit=column.unit)
        return text.partition(" ± ")[0] if self.kind == "reference" else text

    def interval(self, column: Column) -> str:
        """``67.90 to 74.60``; empty where there is none."""
        found = self.intervals.get(column.metric)
        if found is None:
            return ""
        digits, factor = _format(found.estimate, percent=column.percent, unit=column.unit)
        return f"{found.low * factor:.{digits}f} to {found.high * factor:.{digits}f}"


def score_rows(run: Run, intervals: Collection[str] | None = None) -> tuple[ScoreRow, ...]:
    """Student, teacher, the student on an external cohort, the cohort's bounds, and a constant prediction.

    Args:
        run: a finished run.
        intervals: metrics of which the rows have intervals, which take long to compute; None: all.
    """
    networks = [
        ScoreRow(label(run, role), _kind(role), values, score_intervals(run, role, intervals))
        for role, values in run.metrics.items()
    ]
    bounds = [
        ScoreRow(f"Best possible with {name}", "bound", {run.task.primary: Summary.of([float(value)])})
        for name, value in bounds_of(run).items()
    ]
    external = [
        ScoreRow(name, "student", values, ends) for name, values, ends in external_rows(run, called(run), intervals)
    ]
    blind = ScoreRow(run.task.blind, "reference", majority_class(run.predictions))
    return (*networks, *external, *bounds, blind)


def bounds_of(run: Run) -> dict[str, float]:
    """The best possible macro AUC by what is seen; empty unless that is the metric that ranks."""
    bounds = run.record["cohort"].get("bounds") or {}
    return {name: float(value) for name, value in bounds.items()} if run.task.primary == "auc_ovo" else {}


def majority_class(predictions: Predictions) -> dict[str, Summary]:
    """Metrics of a constant prediction: every subject gets the training subjects' class shares, or their mean.

    The training subjects of a fold are the test subjects of the other folds of its repeat.
    """
    task = predictions.task
    folds = predictions.of("student")
    known = {**METRICS, **task.metrics}
    rows = []
    for fold in folds:
        others = [other.target for other in folds if other.repeat == fold.repeat and other.fold != fold.fold]
        training = np.concatenate(others) if others else fold.target
        blind = np.tile(task.constant_prediction(training), (len(fold.target), 1))
        rows.append({name: known[name](fold.target, blind, task.names) for name in task.table})
    summaries = {name: Summary.of([row[name] for row in rows]) for name in task.table}
    undefined = {name for name in ("ppv", "npv") if name in summaries and not any(summaries[name].folds)}
    return {name: summary for name, summary in summaries.items() if name not in undefined}


def primary_column(run: Run) -> Column:
    """The column of the metric that ranks."""
    return next(column for column in columns(run.task) if column.metric == run.task.primary)


def primary_words(run: Run) -> str:
    """The metric that ranks, in a sentence: ``AUC`` or ``macro one-versus-one AUC``."""
    score = next(score for score in run.task.scores if score.name == run.task.primary)
    return score.words or score.title


def is_binary(run: Run) -> bool:
    """Whether the run has a positive and a negative class."""
    return isinstance(run.task, Classification) and run.task.binary


def pairs(run: Run) -> tuple[str, ...]:
    """The pairs of classes, as ``"A vs B"``; none for two classes, whose only pair is everything."""
    if is_binary(run):
        return ()
    values = run.metrics["student"]
    return tuple(name.removeprefix("auc:") for name in values if name.startswith("auc:"))


def agreement(predictions: Predictions) -> float | None:
    """Share of test subjects for whom student and teacher name the same class; None without a teacher or classes.

    Of the subjects that both score: a teacher need not score those who lack what it reads.
    """
    task = predictions.task
    if "teacher" not in predictions.roles() or not isinstance(task, Classification):
        return None
    predicted = {
        (fold.role, fold.repeat, fold.fold, subject): int(named)
        for fold in predictions.folds
        for subject, named in zip(fold.subjects, task.predicted(fold.probabilities), strict=True)
    }
    pairs_of_names = [
        (predicted.get(("student", *key[1:])), named) for key, named in predicted.items() if key[0] == "teacher"
    ]
    return float(np.mean([student == teacher for student, teacher in pairs_of_names]))


def missing_note(run: Run) -> str:
    """How subjects without privileged data were used; empty if there are none."""
    missing = run.record.get("missing")
    if not missing:
        return ""
    lacking = run.record["cohort"]["subjects"] - missing["complete"]
    start = f"{lacking:,} of {run.record['cohort']['subjects']:,} subjects lack something that only the teacher reads. "
    return start + _FATES[missing["use"]] + ("" if missing["tested_by_teacher"] else _UNSCORED)


def one_class_notes(run: Run) -> tuple[str, ...]:
    """A note on each network that gives all test subjects of a fold the same class; empty if none does."""
    return tuple(note for role in run.predictions.roles() if (note := _one_class_note(run, role)))


def _one_class_note(run: Run, role: str) -> str:
    if not isinstance(run.task, Classification):
        return ""
    folds = run.predictions.of(role)
    predicted = [set(run.task.predicted(fold.probabilities).tolist()) for fold in folds]
    single = [run.classes[min(classes)] for classes in predicted if len(classes) == 1]
    if not single:
        return ""
    names = tuple(dict.fromkeys(single))
    if len(single) == len(folds) and len(names) == 1:
        what = f"predicts the class {names[0]} for every test subject"
    else:
        what = f"predicts one class for every test subject of {len(single)} of {len(folds)} folds ({', '.join(names)})"
    return (
        f"The {role} {what}: its accuracy there is the share of that class. AUC depends on the order of the "
        f"probabilities alone, so it can still be high."
    )


_FATES: Final = {
    "skip": "They trained the student by their labels alone; the teacher neither learned from them nor scores them.",
    "leave_out": "They were left out of training; the student scores them, the teacher does not.",
    "impute": "The teacher was given imputed values for it, in training and when it scores them.",
    "modality_dropout": "The teacher was given imputed values for it, and was trained to do without it: it was "
    "withheld from other subjects too.",
}
_UNSCORED: Final = " Its test subjects are not of every class in every fold, so the teacher has no score."


def written(summary: Summary | None, *, percent: bool = True, unit: str = "") -> str:
    """``62.16 ± 3.35``; the mean of fewer than `FEWEST` folds has no deviation, and nothing is a dash."""
    if summary is None:
        return NOTHING
    digits, factor = _format(summary.mean, percent=percent, unit=unit)
    mean = f"{summary.mean * factor:.{digits}f}"
    return mean if len(summary.folds) < FEWEST else f"{mean} ± {summary.sd * factor:.{digits}f}"


def _format(value: float, *, percent: bool, unit: str = "") -> tuple[int, float]:
    """Decimals and factor: four significant digits where there is a unit."""
    if not unit:
        return (2, 100.0) if percent else (3, 1.0)
    return (max(0, min(6, 3 - int(np.floor(np.log10(abs(value)))))) if value else 3), 1.0


def spread_note(run: Run) -> str:
    """What the figures are, in words: over how many folds, and whether there is a deviation."""
    count = len(run.predictions.of("student"))
    if count >= FEWEST:
        return f"Mean ± standard deviation (ddof 1) over {over_folds(run)}"
    if count == 1:
        return "One fold, so there is no standard deviation"
    return f"Mean over {over_folds(run)}, which are too few for a standard deviation"


def over_folds(run: Run) -> str:
    """Over how many folds the means are, in words."""
    folds = run.predictions.of("student")
    repeats = len({fold.repeat for fold in folds})
    if len(folds) == 1:
        return "one fold"
    if repeats == 1:
        return f"{len(folds)} folds"
    return f"{len(folds)} folds ({repeats} repeats)"


def called(run: Run) -> str:
    """What the tested network is: a student has a teacher; without one, it is a model like any other."""
    return "student" if (run.record.get("networks") or {"teacher": True}).get("teacher") else "model"


def label(run: Run, role: str) -> str:
    """The network: for a model without a teacher what it reads, for a teacher how many subjects, if not all."""
    if role == "student" and called(run) == "model":
        inputs = ((run.record.get("networks") or {}).get("student") or {}).get("inputs")
        return f"Model on {' and '.join(filter(None, [', '.join(inputs[:-1]), *inputs[-1:]]))}" if inputs else "Model"
    missing = run.record.get("missing") or {}
    tested, scored = missing.get("tested", 0), missing.get("tested_by_teacher", 0)
    return f"Teacher, {scored:,} of {tested:,} subjects" if role == "teacher" and scored < tested else role.capitalize()


def _kind(role: str) -> Kind:
    return "teacher" if role == "teacher" else "student"
