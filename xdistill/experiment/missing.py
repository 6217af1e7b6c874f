"""Subjects with missing privileged modalities: which subjects are used for what, and with which replacement values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xdistill.data import CohortLike, Split, Splits
from xdistill.errors import DataError
from xdistill.experiment.plans import Experiment, modality_of
from xdistill.recipe.schema.recipe import Recipe
from xdistill.types import MIN_SUBJECTS, Batch, Schema

Mask = NDArray[np.bool_]

FILLING = frozenset({"impute", "modality_dropout"})
_CHOICES = (
    "`skip` (they train the student by their labels alone), `impute` (the teacher gets imputed values), "
    "`modality_dropout` (the same, and the teacher is trained with randomly missing modalities) or `leave_out` (they "
    "are removed from the training subjects)"
)


def check_presence(experiment: Experiment, cohort: CohortLike) -> None:
    """Reject subjects without a modality, and missing values that no transform imputes.

    Raises:
        DataError: with the number of subjects, and what the recipe can do about it.
    """
    use = experiment.recipe.missing.use
    imputed = imputed_of_student(experiment, cohort.schema)
    _check_absent(
        experiment, cohort.schema, cohort.subjects, {name: cohort.present(name) for name in experiment.modalities}
    )
    transformed = {modality_of(choice) for choice in experiment.transforms}
    for modality in experiment.modalities:
        if cohort.schema.modalities[modality].kind != "vector" or modality in transformed:
            continue
        unfilled = (use in FILLING and modality in experiment.privileged) or modality in imputed
        withheld = unfilled and (use == "modality_dropout" or not cohort.present(modality).all())
        if withheld or np.isnan(cohort.values(modality, np.arange(len(cohort.subjects)))).any():
            raise DataError(
                f"`{modality}` has missing values, and the recipe has no transform that imputes them; add "
                f"`transforms: [{{use: tabular, modality: {modality}}}]`"
            )


def check_known_presence(experiment: Experiment) -> None:
    """Reject subjects without a modality before the cohort is built, as far as the data set knows of them.

    Raises:
        DataError: as `check_presence`.
    """
    dataset = experiment.data.build()
    known = {name: present for name, present in dataset.presence().items() if name in experiment.modalities}
    _check_absent(experiment, dataset.schema(), [row.subject for row in dataset.index()], known)


def imputed_of_student(experiment: Experiment, schema: Schema) -> tuple[str, ...]:
    """The student's vectors, if ``missing`` says that whole vectors are imputed; all else it reads has to be there."""
    if experiment.recipe.missing.use not in FILLING or "student" not in experiment.facts:
        return ()
    inputs = experiment.facts["student"].inputs
    return tuple(name for name in inputs if schema.modalities[name].kind == "vector")


def _needed_by_teacher(experiment: Experiment, cohort: CohortLike) -> tuple[str, ...]:
    """The modalities without which a subject is not complete."""
    imputed = imputed_of_student(experiment, cohort.schema)
    return tuple(name for name in experiment.facts["teacher"].inputs if name not in imputed)


def _check_absent(
    experiment: Experiment, schema: Schema, subjects: Sequence[str], presence: Mapping[str, Sequence[bool] | Mask]
) -> None:
    imputed = imputed_of_student(experiment, schema)
    for modality, present in presence.items():
        absent = np.flatnonzero(~np.asarray(present, dtype=bool))
        if len(absent) and modality not in imputed:
            what = (
                f"{len(absent)} of {len(subjects)} subjects have no `{modality}`, the first is {subjects[absent[0]]!r}"
            )
            _refuse_absent(experiment, schema, modality, what)


def _refuse_absent(experiment: Experiment, schema: Schema, modality: str, what: str) -> None:
    if modality in experiment.facts["student"].inputs:
        vector = schema.modalities[modality].kind == "vector"
        impute = "set `missing: impute`, " if vector else ""
        raise DataError(
            f"{what}, and the student reads it; {impute}remove these subjects from the cohort (the data set `manifest` "
            f"does it with `data.require: [{modality}]`), or the modality from the recipe"
        )
    if experiment.recipe.missing.use == "refuse":
        raise DataError(
            f"{what}. Only the teacher reads it, so set `missing` in the recipe, or --set missing=..., to {_CHOICES}. "
            f"Or remove these subjects from the cohort, or the modality from the recipe"
        )


def complete_subjects(cohort: CohortLike, modalities: Sequence[str]) -> Mask:
    """Which subjects have all of the given modalities, ``(subjects,)``."""
    complete = np.ones(len(cohort.subjects), dtype=bool)
    for modality in modalities:
        complete &= cohort.present(modality)
    return complete


def teacher_sees(experiment: Experiment, cohort: CohortLike) -> Mask:
    """Which subjects the teacher reads, ``(subjects,)``: all, or those without missing modalities."""
    if "teacher" not in experiment.facts or experiment.recipe.missing.use not in {"skip", "leave_out"}:
        return np.ones(len(cohort.subjects), dtype=bool)
    return complete_subjects(cohort, _needed_by_teacher(experiment, cohort))


def training_subjects(experiment: Experiment, cohort: CohortLike, subjects: Sequence[str]) -> tuple[str, ...]:
    """The training subjects of a split that are used in training: without those that the recipe leaves out.

    Raises:
        DataError: when fewer than two of them have all that the teacher reads.
    """
    rows = cohort.rows_of(subjects)
    if leaves_out_unlabelled(experiment.recipe):
        rows = rows[cohort.labelled[rows]]
        subjects = [cohort.subjects[row] for row in rows]
    seen = teacher_sees(experiment, cohort)[rows]
    if np.count_nonzero(seen) < MIN_SUBJECTS and not seen.all():
        raise DataError(
            f"only {np.count_nonzero(seen)} of {len(subjects)} training subjects have all modalities of the teacher, "
            f"which needs at least {MIN_SUBJECTS}; set `missing: impute`, or use fewer folds"
        )
    if experiment.recipe.missing.use != "leave_out":
        return tuple(subjects)
    return tuple(subject for subject, kept in zip(subjects, seen, strict=True) if kept)


def leaves_out_unlabelled(recipe: Recipe) -> bool:
    """Whether subjects whose label is missing in the data are removed from the training subjects."""
    return recipe.unlabelled is not None and recipe.unlabelled.use == "leave_out"


def teacher_is_scored(seen: Mask, cohort: CohortLike, splits: Iterable[Split]) -> bool:
    """Whether the teacher's test subjects include every class in every fold: otherwise it has no score."""
    targets = np.asarray(cohort.targets)
    for split in splits:
        rows = cohort.rows_of(split.test)
        tested = targets[rows[seen[rows]]]
        if not len(tested) or cohort.schema.task.absent(tested):
            return False
    return True


def tally(experiment: Experiment, cohort: CohortLike, splits: Splits) -> dict[str, Any]:
    """The entry about missing modalities in a run's record; empty when the teacher's modalities are complete."""
    if "teacher" not in experiment.facts:
        return {}
    complete = complete_subjects(cohort, _needed_by_teacher(experiment, cohort))
    if complete.all():
        return {}
    seen = teacher_sees(experiment, cohort)
    scored = np.unique(cohort.rows_of(subject for split in splits for subject in split.test))
    return {
        "missing": {
            "use": experiment.recipe.missing.use,
            "complete": int(np.count_nonzero(complete)),
            "tested": len(scored),
            "tested_by_teacher": int(np.count_nonzero(seen[scored])) if teacher_is_scored(seen, cohort, splits) else 0,
        }
    }


@dataclass(frozen=True)
class ModalityDropout:
    """Removes modalities of training subjects at random, so that the teacher learns to work without them.

    Attributes:
        rate: probability, for each subject and modality.
        placeholders: by modality, the replacement of a subject's values, ``(*shape)``.
    """

    rate: float
    placeholders: Mapping[str, Tensor]

    def __call__(self, batch: Batch, seed: int) -> Batch:
        """The batch with some of its modalities removed; the same seed removes the same ones."""
        generator = torch.Generator().manual_seed(seed)
        inputs, present = dict(batch.inputs), dict(batch.present)
        for modality, placeholder in self.placeholders.items():
            drawn = torch.rand(len(batch), generator=generator) < self.rate
            withheld = present[modality] & drawn.to(present[modality].device)
            if withheld.any():
                values = inputs[modality].clone()
                values[withheld] = placeholder.to(values)
                inputs[modality], present[modality] = values, present[modality] & ~withheld
        return replace(batch, inputs=inputs, present=present)
