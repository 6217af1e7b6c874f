"""The rows of the result table, and how figures are written in it; the page and the terminal share them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from xdistill.runs import Run
from xdistill.stats import METRICS, Predictions, Summary
from xdistill.tasks import Classification, Task

Kind = Literal["student", "teacher", "bound", "reference"]
NOTHING: Final = "–"  # noqa: RUF001 - a dash where a table has no figure


@dataclass(frozen=True)
class Column:
    """One metric of the table.

    Attributes:
        metric: its name in `Run.metrics`.
        title: for people.
        percent: whether it is written in percent with two decimals; otherwise as a fraction with three.
        note: which direction is better.
    """

    metric: str
    title: str
    percent: bool = True
    note: str = "higher is better"


def columns(task: Task | type[Task]) -> tuple[Column, ...]:
    """The columns of the result table of a task."""
    scores = {score.name: score for score in task.scores}
    return tuple(
        Column(
            name,
            scores[name].title,
            percent=scores[name].percent,
            note="higher is better" if scores[name].higher_is_better else "lower is better",
        )
        for name in task.table
    )


@dataclass(frozen=True)
class ScoreRow:
    """One row of the table.

    Attributes:
        label: what was scored.
        kind: a network of the run, a bound of the cohort, or a reference that looks at no subject.
        values: by metric; metrics that the row does not have are absent.
    """

    label: str
    kind: Kind
    values: Mapping[str, Summary]

    def cell(self, column: Column) -> str:
        """The figure as it is written in the column."""
        return written(self.values.get(column.metric), percent=column.percent)


def score_rows(run: Run) -> tuple[ScoreRow, ...]:
    """Student, teacher, the cohort's bounds, and the majority class."""
    networks = [ScoreRow(_label(run, role), _kind(role), values) for role, values in run.metrics.items()]
    bounds = [
        ScoreRow(f"Best possible with {name}", "bound", {run.task.primary: Summary.of([float(value)])})
        for name, value in (run.record["cohort"].get("bounds") or {}).items()
    ]
    return (*networks, *bounds, ScoreRow("Majority class", "reference", majority_class(run.predictions)))


def majority_class(predictions: Predictions) -> dict[str, Summary]:
    """Metrics of the classifier that looks at no subject: it gives everyone the training subjects' class shares.

    The training subjects of a fold are the test subjects of the other folds of its repeat.
    """
    task = predictions.task
    folds = predictions.of("student")
    rows = []
    for fold in folds:
        others = [other.target for other in folds if other.repeat == fold.repeat and other.fold != fold.fold]
        training = np.concatenate(others) if others else fold.target
        blind = np.tile(task.constant_prediction(training), (len(fold.target), 1))
        rows.append({name: METRICS[name](fold.target, blind, task.names) for name in task.table})
    return {name: Summary.of([row[name] for row in rows]) for name in task.table}


def pairs(run: Run) -> tuple[str, ...]:
    """The pairs of classes, as ``"A vs B"``."""
    values = run.metrics["student"]
    return tuple(name.removeprefix("auc:") for name in values if name.startswith("auc:"))


def agreement(predictions: Predictions) -> float | None:
    """Share of test subjects for whom student and teacher name the same class; None without a teacher.

    Of the subjects that both score: a teacher may do without those who lack what it reads.
    """
    if "teacher" not in predictions.roles():
        return None
    predicted = {
        (fold.role, fold.repeat, fold.fold, subject): int(named)
        for fold in predictions.folds
        for subject, named in zip(fold.subjects, fold.probabilities.argmax(axis=1), strict=True)
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
    """What is said of each network that gives all test subjects of a fold the same class; empty if none does."""
    return tuple(note for role in run.predictions.roles() if (note := _one_class_note(run, role)))


def _one_class_note(run: Run, role: str) -> str:
    if not isinstance(run.task, Classification):
        return ""
    folds = run.predictions.of(role)
    predicted = [set(fold.probabilities.argmax(axis=1).tolist()) for fold in folds]
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
        f"probabilities alone, so it can be high all the same."
    )


_FATES: Final = {
    "skip": "They taught the student by their labels alone; the teacher neither learned from them nor scores them.",
    "leave_out": "They were left out of training; the student scores them, the teacher does not.",
    "impute": "The teacher was given a fill-in for it, in training and when it scores them.",
    "modality_dropout": "The teacher was given a fill-in for it, and learned to go without by having it withheld from "
    "others too.",
}
_UNSCORED: Final = " Its test subjects are not of every class in every fold, so the teacher has no score."


def written(summary: Summary | None, *, percent: bool = True) -> str:
    """``62.16 ± 3.35``; a single value stands without a deviation, and nothing is a dash."""
    if summary is None:
        return NOTHING
    digits, factor = (2, 100.0) if percent else (3, 1.0)
    mean = f"{summary.mean * factor:.{digits}f}"
    return mean if len(summary.folds) <= 1 else f"{mean} ± {summary.sd * factor:.{digits}f}"


def over_folds(run: Run) -> str:
    """Over how many folds the means are, in words."""
    folds = run.predictions.of("student")
    repeats = len({fold.repeat for fold in folds})
    if len(folds) == 1:
        return "one fold"
    if repeats == 1:
        return f"{len(folds)} folds"
    return f"{len(folds)} folds ({repeats} repeats)"


def _label(run: Run, role: str) -> str:
    """The network; for a teacher that scores only some subjects, how many."""
    missing = run.record.get("missing") or {}
    tested, scored = missing.get("tested", 0), missing.get("tested_by_teacher", 0)
    return f"Teacher, {scored:,} of {tested:,} subjects" if role == "teacher" and scored < tested else role.capitalize()


def _kind(role: str) -> Kind:
    return "teacher" if role == "teacher" else "student"
