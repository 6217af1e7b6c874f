"""Evaluates a model on an external cohort."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xdistill.deployment.evaluate.cohort import Labelled, read_labelled, subgroups
from xdistill.deployment.evaluate.comparison import compared, same_task
from xdistill.deployment.evaluate.drift import drift
from xdistill.deployment.evaluate.facts import counts_of, model_facts, notes_of
from xdistill.deployment.evaluate.groups import subgroup_figures
from xdistill.deployment.evaluate.intervals import Bootstrap
from xdistill.deployment.evaluate.result import Comparison, Detail, Evaluation, OneClass, Prediction, Sets
from xdistill.deployment.evaluate.scores import (
    Called,
    confusion,
    one_class,
    prediction_sets,
    standard_metrics,
)
from xdistill.deployment.evaluate.tasks import Scored, details
from xdistill.deployment.evaluate.thresholds import called
from xdistill.errors import DataError, UserError
from xdistill.models import StudentModel
from xdistill.models.stream import LEVEL, predict_stream
from xdistill.models.subject import NewSubject, Predicted
from xdistill.models.tables import read_table
from xdistill.runs.checksums import digest
from xdistill.stats.areas import Floats
from xdistill.suggest import did_you_mean
from xdistill.tasks import Classification, Task
from xdistill.training.evaluate import EVALUATION_BATCH
from xdistill.version import __version__

RESAMPLES = 2000
INTERVAL = 0.95
BINARY = 2


@dataclass(frozen=True)
class _Options:
    """How subjects are read and predicted."""

    device: str
    batch_size: int
    jobs: int
    skip_errors: bool
    level: float

    def predict(
        self, model: StudentModel, subjects: Sequence[NewSubject], on_progress: Callable[[int], None] | None = None
    ) -> list[Predicted]:
        return list(
            predict_stream(
                model,
                subjects,
                device=self.device,
                batch_size=self.batch_size,
                jobs=self.jobs,
                skip_errors=self.skip_errors,
                level=self.level,
                inputs=True,
                on_progress=on_progress,
            )
        )


@dataclass(frozen=True)
class _Compared:
    """Subjects with the predictions of one model or two; all figures are computed from it."""

    model: StudentModel
    against: StudentModel | None
    bootstrap: Bootstrap
    first: Floats
    second: Floats | None
    positives: tuple[Called, ...]
    level: float

    def one_class(self) -> tuple[OneClass, ...]:
        """Each class, or label, against the others; of two classes the positive one alone: the other mirrors it."""
        of_class = {item.positive: item for item in self.positives}
        task = self.model.schema.task
        places = range(len(task.names)) if task.probabilistic and not _mirrored(task) else of_class
        return tuple(
            one_class(
                self.bootstrap,
                self.bootstrap.cohort.positive(task, place),
                self.first[:, place],
                task.names[place],
                called=of_class.get(place),
                against=None if self.second is None else self.second[:, place],
            )
            for place in places
        )

    def details(self, predicted: Sequence[Predicted]) -> tuple[Detail, ...]:
        """What other tasks have."""
        ends = np.array([row.intervals for row in predicted]) if predicted[0].intervals is not None else None
        return details(Scored(self.model.schema.task, self.bootstrap, self.first, ends, self.level))

    def sets(self) -> Sets | None:
        """Coverage of the prediction sets."""
        calibration = self.model.calibration
        if calibration is None:
            return None
        return prediction_sets(self.bootstrap, calibration.sets(self.first, self.level), self.model.classes, self.level)

    def _name_of(self, against: StudentModel) -> str:
        """The recipe's name; with the folder if both models have the same."""
        if against.name != self.model.name or against.path is None:
            return against.name
        return f"{against.name} ({against.path.name})"

    def comparison(self) -> Comparison | None:
        """The two models on the same patients."""
        if self.second is None or self.against is None:
            return None
        return compared(
            self.bootstrap,
            self.first,
            self.second,
            task=self.model.schema.task,
            positives=[item.positive for item in self.positives],
            name=self._name_of(self.against),
        )


def evaluate(
    model: StudentModel,
    table: Path | str,
    *,
    label: str | Sequence[str] = (),
    by: Sequence[str] = (),
    against: StudentModel | None = None,
    positive: str | None = None,
    threshold: str | None = None,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
    device: str = "auto",
    batch_size: int = EVALUATION_BATCH,
    jobs: int = 1,
    skip_errors: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """Evaluate a model on subjects whose labels are known.

    Args:
        model: from `xdistill.load_model`.
        table: a file as for prediction, with labels, and with patients in a column ``patient`` if one has several
            subjects.
        label: columns with the labels: one with the names of classes, one per target, time and event. Empty: those of
            the recipe's `task`, or ``label``.
        by: columns to form subgroups by.
        against: a second model, compared on the same patients.
        positive: the class, or label, that is called at the threshold; None: the second of two classes, or each.
        threshold: a probability, ``youden``, ``sensitivity:0.95`` or ``costs:5:1``; rules are applied to out-of-fold
            predictions of training subjects, never to these. None: ``youden``, or 0.5 without calibration.
        level: of the prediction sets or intervals.
        resamples: of the bootstrap.
        seed: of the bootstrap.
        device: see `xdistill.models.StudentModel.predict_proba`.
        batch_size: subjects per batch.
        jobs: processes that read files.
        skip_errors: leave out subjects that cannot be read; `Evaluation.unread` lists them.
        on_progress: called with the number of subjects that are predicted.

    Raises:
        DataError: for a table that cannot be evaluated, naming the line.
        UserError: for an invalid option.
    """
    if resamples < 1:
        raise UserError(f"the number of resamples must be at least 1, got {resamples}")
    path = Path(table)
    options = _Options(device, batch_size, jobs, skip_errors, level)
    columns = (label,) if isinstance(label, str) else tuple(label)
    cohort = read_labelled(model, path, columns)
    for column in by:
        subgroups(cohort, column)
    if threshold is not None and not model.schema.task.probabilistic:
        raise UserError("`threshold` is for probabilities of classes and labels; leave it out")
    positives = tuple(called(model, place, threshold) for place in _positives(model, positive))
    order = [] if against is None else same_task(model, against)
    again = [] if against is None else read_table(against, path)  # the same rows, so in the same order
    predicted = options.predict(model, cohort.subjects, on_progress)
    others = [] if against is None else options.predict(against, again)
    good, unread = _read(path, predicted, others)
    cohort, predicted = cohort.at(good), [predicted[row] for row in good]
    first = _probabilities(predicted)
    second = _probabilities([others[row] for row in good])[:, order] if others else None
    bootstrap = Bootstrap(cohort, resamples, INTERVAL, seed)
    task = model.schema.task
    scored = _Compared(model, against, bootstrap, first, second, positives, level)
    return Evaluation(
        model={**model_facts(model), "against": None if against is None else model_facts(against)},
        synthetic=model.config.synthetic,
        table=path.name,
        table_sha256=digest(path),
        task=task,
        classes=task.names if isinstance(task, Classification) else (),
        counts=counts_of(model, cohort),
        subjects=len(good),
        patients=len(set(cohort.patients)),
        unread=unread,
        settings={
            "label": list(cohort.labels),
            "by": list(by),
            "positives": [task.names[item.positive] for item in positives],
            "interval": INTERVAL,
            "resamples": resamples,
            "seed": seed,
        },
        metrics=bootstrap.estimates(standard_metrics(task, cohort.targets, first)),
        confusion=confusion(task, cohort.targets, first),
        one_class=scored.one_class(),
        details=scored.details(predicted),
        sets=scored.sets(),
        subgroups=tuple(
            group for column in by for group in subgroup_figures(model, bootstrap, first, column, positives)
        ),
        comparison=scored.comparison(),
        drift=drift(model, cohort, predicted),
        notes=(*cohort.notes, *notes_of(model, cohort, first)),
        versions={"xdistill": __version__},
        predictions=_predictions(model, cohort, predicted),
        against_probabilities=() if second is None else tuple(map(tuple, second.tolist())),
    )


def _positives(model: StudentModel, name: str | None) -> list[int]:
    task = model.schema.task
    if not task.probabilistic:
        if name is not None:
            raise UserError(f"`positive` is for classes and labels, and the task is {task.describe()}; leave it out")
        return []
    if name is None:
        return [1] if _mirrored(task) else list(range(len(task.names)))
    if name not in task.names:
        raise UserError(f"the model has no {task.group} {name!r}{did_you_mean(name, task.names, task.groups)}")
    return [task.names.index(name)]


def _mirrored(task: Task) -> bool:
    """Whether there are two classes, whose probabilities sum to one."""
    return isinstance(task, Classification) and len(task.classes) == BINARY


def _read(path: Path, predicted: Sequence[Predicted], others: Sequence[Predicted]) -> tuple[list[int], tuple[str, ...]]:
    """The rows that every model could read, and the messages of the others.

    Raises:
        DataError: if there are none.
    """
    errors = [one.error or (others[row].error if others else "") for row, one in enumerate(predicted)]
    good = [row for row, error in enumerate(errors) if not error]
    if not good:
        raise DataError(f"{path}: no subject could be read; the first: {errors[0]}")
    return good, tuple(filter(None, errors))


def _probabilities(rows: Sequence[Predicted]) -> Floats:
    return np.array([row.probabilities for row in rows], dtype=np.float64)


def _predictions(model: StudentModel, cohort: Labelled, predicted: Sequence[Predicted]) -> tuple[Prediction, ...]:
    task = model.schema.task
    return tuple(
        Prediction(
            row.subject,
            patient[2:],
            task.target_text(target),
            row.prediction or task.in_words(np.array(row.probabilities)),
            row.probabilities,
            row.classes,
            row.intervals,
            row.flags,
        )
        for row, patient, target in zip(predicted, cohort.patients, cohort.targets, strict=True)
    )
