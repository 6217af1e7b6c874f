"""The inner folds of cross-fitting: which training subjects a teacher does not learn from, because it teaches them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from xdistill.data import CohortLike, Split, make_splits
from xdistill.errors import DataError
from xdistill.experiment.missing import teacher_sees, training_subjects
from xdistill.experiment.plans import Experiment
from xdistill.experiment.stages.plans import CrossFitPlan, StagePlan, teaches, teaches_alone
from xdistill.experiment.unlabelled import labelled_subjects
from xdistill.recipe.schema.crossval import Crossval
from xdistill.training.seeds import derive
from xdistill.training.source import Rows


def with_cross_fitting(stages: Sequence[StagePlan]) -> Iterator[StagePlan]:
    """The stages, each followed by its cross-fitting if it has one."""
    for index, stage in enumerate(stages):
        yield stage
        if stage.cross_fit is not None:
            teaching = tuple(earlier for earlier in stages[: index + 1] if teaches(earlier))
            folds = stage.cross_fit.folds
            epochs = folds * sum(earlier.epochs for earlier in teaching)
            yield CrossFitPlan(f"{stage.name} (cross-fitting)", epochs, folds=folds, stages=teaching)


def why_not_cross_fitted(stages: Sequence[StagePlan], index: int) -> str:
    """Why the stage cannot be cross-fitted; empty if it can."""
    stage = stages[index]
    if not teaches_alone(stage):
        return f"stage `{stage.name}` does not train the teacher alone; train the student in a later stage"
    for earlier in stages[:index]:
        if teaches(earlier) and not teaches_alone(earlier):
            return f"the student takes part in the training of the teacher in stage `{earlier.name}`; train it later"
        if earlier.cross_fit is not None:
            return f"the teacher is cross-fitted in stage `{earlier.name}` already; leave one `cross_fit` out"
    for later in stages[index + 1 :]:
        if teaches(later):
            return f"the teacher is trained again in stage `{later.name}`; put `cross_fit` there"
    return ""


def check_inner_folds(experiment: Experiment, cohort: CohortLike, split: Split) -> None:
    """Whether the training subjects of a split can be divided as its cross-fitting asks for.

    Raises:
        DataError: if there are too few patients.
    """
    learning = training_subjects(experiment, cohort, split.train)
    rows = np.asarray(cohort.rows_of(learning), dtype=np.int64)
    taught = rows[(teacher_sees(experiment, cohort) & labelled_subjects(experiment, cohort, split))[rows]]
    for plan in experiment.schedule:
        if isinstance(plan, CrossFitPlan):
            inner_folds(
                cohort,
                taught,
                folds=plan.folds,
                stratify=experiment.recipe.crossval.stratify,
                seed=derive(experiment.recipe.seed, "fold", split.repeat, split.fold),
                where=split.where,
            )


def inner_folds(
    cohort: CohortLike, rows: Rows, *, folds: int, stratify: bool, seed: int, where: str
) -> tuple[Rows, ...]:
    """Divide training subjects into inner folds, stratified, patients kept whole.

    Args:
        cohort: of the subjects.
        rows: of the labelled training subjects that the teacher is given.
        folds: how many.
        stratify: whether class proportions are preserved.
        seed: of the outer fold.
        where: the outer fold, for messages.

    Returns:
        The rows of each inner fold, in the order of the cohort.

    Raises:
        DataError: if there are too few patients.
    """
    crossval = Crossval(folds=folds, stratify=stratify, seed=derive(seed, "cross_fit") % 2**31)
    subjects = [cohort.subjects[row] for row in rows]
    patients = [cohort.patients[row] for row in rows]
    try:
        splits = make_splits(subjects, patients, cohort.targets[rows], cohort.schema.task, crossval, "")
    except DataError as error:
        text = str(error).replace("crossval.folds", "cross_fit.folds")
        raise DataError(f"the teacher cannot be cross-fitted in {where}: {text}") from error
    return tuple(_rows(cohort, split) for split in splits)


def _rows(cohort: CohortLike, split: Split) -> Rows:
    return np.sort(np.asarray(cohort.rows_of(split.test), dtype=np.int64))
