"""Facts of a model and of a cohort, in addition to the figures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from xdistill.deployment.evaluate.cohort import PATIENT, Labelled
from xdistill.models import StudentModel
from xdistill.stats.areas import Floats
from xdistill.tasks import Classification

SMALL = 20  # subjects of a class below which intervals are said to be rough


def model_facts(model: StudentModel) -> dict[str, Any]:
    """Name, origin and inputs of a model."""
    return {
        "name": model.name,
        "folder": "" if model.path is None else model.path.name,
        "members": len(model.members),
        "inputs": list(model.inputs),
        "privileged": list(model.config.privileged),
        "cohort": model.config.cohort,
        "synthetic": model.config.synthetic,
        "calibrated": model.calibration is not None,
        "training_subjects": model.training.get("subjects"),
        "fingerprint": model.training.get("fingerprint"),
    }


def counts_of(model: StudentModel, cohort: Labelled) -> dict[str, int]:
    """Subjects by class or label; of survival those with an event."""
    return model.schema.task.counts(cohort.targets)


def notes_of(model: StudentModel, cohort: Labelled, probabilities: Floats) -> Iterator[str]:
    """What a reader of the figures has to know."""
    yield from model.notes
    task, counts = model.schema.task, counts_of(model, cohort)
    for name in task.absent(cohort.targets):
        yield (
            f"{'Every subject here has' if counts.get(name) else 'No subject here is of'} the {task.group} {name}: "
            f"figures that need {'others' if counts.get(name) else f'this {task.group}'} are left out."
        )
    few = [f"{name} ({count})" for name, count in counts.items() if 0 < count < SMALL]
    if few:
        yield (
            f"{task.groups.capitalize()} with fewer than {SMALL} subjects here, whose intervals are rough: "
            f"{', '.join(few)}."
        )
    if not counts and len(cohort.subjects) < SMALL:
        yield f"There are {len(cohort.subjects)} subjects here: intervals are rough."
    yield from _of_predictions(model, probabilities)
    if PATIENT not in cohort.subjects[0].row:
        yield "The table has no column `patient`: every subject counts as a patient."


def _of_predictions(model: StudentModel, predictions: Floats) -> Iterator[str]:
    task = model.schema.task
    if not isinstance(task, Classification):
        if not np.ptp(predictions, axis=0).any():
            yield "The model predicts the same for every subject."
        return
    predicted = set(task.predicted(predictions).tolist())
    if len(predicted) == 1:
        yield (
            f"The model predicts the class {task.classes[min(predicted)]} for every subject: its accuracy is the "
            f"share of that class. AUC depends on the order of the probabilities alone, so it can still be high."
        )
    if model.calibration is None:
        yield "The model is not calibrated: probabilities are those of the network, and there are no prediction sets."
