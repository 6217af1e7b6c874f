"""Which training subjects have a label that training may use."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from xdistill.data import CohortLike, Split
from xdistill.errors import DataError
from xdistill.experiment.plans import Experiment
from xdistill.tasks import Task
from xdistill.training.seeds import derive


def labelled_subjects(experiment: Experiment, cohort: CohortLike, split: Split) -> NDArray[np.bool_]:
    """Which of the cohort's subjects have a label for training, ``(cohort,)``.

    Those that have one in the cohort, except those that the recipe withholds: their patients are drawn within each
    class, by the recipe's seed and the fold. Nothing outside of the training part changes.

    Raises:
        DataError: if a class would have no labelled patient.
    """
    labelled = cohort.labelled.copy()
    settings = experiment.recipe.unlabelled
    if settings is None or not settings.fraction:
        return labelled
    rows = np.asarray(cohort.rows_of(split.train), dtype=np.int64)
    rows = rows[labelled[rows]]
    patients = [cohort.patients[row] for row in rows]
    seed = derive(settings.seed, "unlabelled", split.repeat, split.fold) % 2**32
    strata = cohort.schema.task.strata(cohort.targets[rows])
    alike = np.zeros(len(rows), dtype=np.int64) if strata is None else strata
    withheld = _drawn(patients, alike, settings.fraction, seed)
    labelled[[row for row, patient in zip(rows, patients, strict=True) if patient in withheld]] = False
    missing = cohort.schema.task.absent(cohort.targets[rows[labelled[rows]]])
    if missing:
        group = cohort.schema.task.group
        raise DataError(
            f"{split.where}: no labelled training subject of {group} {missing[0]!r} is left; lower "
            f"`unlabelled.fraction`, which is {settings.fraction}"
        )
    return labelled


def nothing_teaches(unlabelled: int, subjects: int, task: Task) -> str:
    """What is wrong with a recipe without a distillation loss for a cohort with subjects without a label."""
    such = f" such as `{task.imitation['use']}`" if task.imitation else ""
    return (
        f"{unlabelled} of {subjects} subjects have no label, and nothing in the recipe teaches them; add a teacher and "
        f"a distillation loss{such}, or leave them out of training with `unlabelled: {{use: leave_out}}`"
    )


def _drawn(patients: Sequence[str], strata: NDArray[np.int64], fraction: float, seed: int) -> frozenset[str]:
    """A fraction of the patients of each stratum, rounded down; a patient belongs to that of the first subject."""
    names, first = np.unique(patients, return_index=True)
    generator = np.random.default_rng(seed)
    drawn: list[str] = []
    for stratum in np.unique(strata):
        members = names[strata[first] == stratum]
        drawn += generator.permutation(members)[: int(fraction * len(members))].tolist()
    return frozenset(drawn)
