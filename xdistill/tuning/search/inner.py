"""Inner splits: of the training part of an outer split, so that no search ever sees a test subject."""

from __future__ import annotations

from collections.abc import Sequence

from xdistill.data import Cohort, Split, Splits, make_splits
from xdistill.errors import DataError
from xdistill.experiment.missing import complete_subjects, training_subjects
from xdistill.experiment.plans import Experiment
from xdistill.recipe.schema.crossval import Crossval
from xdistill.recipe.schema.tuning import Tune
from xdistill.training.seeds import derive

FLAT = "all"  # the name of a search on all subjects


def inner_splits(experiment: Experiment, cohort: Cohort, tune: Tune, outer: Split | None) -> Splits:
    """Stratified folds, patients kept whole, of the subjects that an outer split learns from.

    Args:
        experiment: what is trained.
        cohort: all subjects.
        tune: how many folds, and their seed.
        outer: the split; None: of all subjects, for a flat search.

    Raises:
        DataError: when there are too few subjects for so many folds.
    """
    learning = set(cohort.subjects) if outer is None else {*outer.train, *outer.validation}
    rows = [row for row, subject in enumerate(cohort.subjects) if subject in learning]
    given = experiment.recipe.crossval
    crossval = Crossval(
        folds=tune.folds,
        repeats=1,
        stratify=given.stratify,
        seed=derive(tune.seed, "inner", name_of(outer)) % 2**31,
        validation=given.validation,
    )
    try:
        splits = make_splits(
            _at(cohort.subjects, rows),
            _at(cohort.patients, rows),
            cohort.targets[rows],
            cohort.schema.task,
            crossval,
            cohort.fingerprint,
            complete=complete_subjects(cohort, tuple(cohort.schema.modalities))[rows],
            labelled=cohort.labelled[rows],
        )
        for split in splits:
            training_subjects(experiment, cohort, split.train)
    except DataError as error:
        text = str(error).replace("crossval.folds", "tune.folds").replace("crossval.seed", "tune.seed")
        raise DataError(f"the inner folds of {name_of(outer)}: {text}") from error
    return splits


def name_of(outer: Split | None) -> str:
    """What the search of an outer split is called."""
    return FLAT if outer is None else outer.name


def _at(values: Sequence[str], rows: Sequence[int]) -> tuple[str, ...]:
    return tuple(values[row] for row in rows)
