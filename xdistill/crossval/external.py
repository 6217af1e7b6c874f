"""The external test cohort of a run: checked before training, predicted by the student of each fold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from xdistill.data import Cohort, Split, Splits, open_cohort
from xdistill.errors import RunError
from xdistill.experiment.context import FoldContext
from xdistill.experiment.external.alignment import mapped_targets
from xdistill.experiment.external.cohort import ExternalCohort, check_apart, check_complete
from xdistill.experiment.plans import Experiment, modality_of
from xdistill.runs import RunFolder
from xdistill.runs.files import written_whole
from xdistill.runs.folder import EXTERNAL
from xdistill.stats import FoldPredictions, Predictions, read_predictions, write_predictions
from xdistill.tasks import Task
from xdistill.training.evaluate import predict
from xdistill.training.source import Source
from xdistill.types import Schema


def check_external(experiment: Experiment, cohort: Cohort, external: Cohort | None) -> None:
    """Check that the student can read the external cohort, and that none of its subjects is trained on.

    Raises:
        DataError: if it does not fit.
        LeakError: for subjects or patients of both cohorts.
    """
    if (external is None) != (experiment.test is None):
        raise RunError("the recipe's external test cohort (`test`) is not supported here; remove it")
    if external is None:
        return
    check_apart((cohort.subjects, cohort.patients), (external.subjects, external.patients))
    seen = ExternalCohort(external, cohort.schema, experiment.facts["student"].inputs)
    check_complete(seen, [modality_of(choice) for choice in experiment.transforms])


def predict_external(context: FoldContext, path: Path, split: Split) -> FoldPredictions:
    """Predictions of the fold's student for all external subjects, after the transforms fitted in training.

    Args:
        context: of the fold, after training.
        path: the external cohort file.
        split: of the fold.
    """
    experiment, training = context.experiment, context.source
    inputs = experiment.facts["student"].inputs
    cohort = ExternalCohort(open_cohort(path), training.cohort.schema, inputs)
    source = Source(cohort, training.transforms, inputs, memory_mb=experiment.recipe.loader.memory_mb)
    rows = np.arange(len(cohort), dtype=np.int64)
    return FoldPredictions(
        role="student",
        repeat=split.repeat,
        fold=split.fold,
        subjects=cohort.subjects,
        target=cohort.targets,
        probabilities=predict(
            context.networks["student"], source, rows, fabric=context.fabric, prepare=context.prepare
        ),
    )


def write_external(training: Schema, folder: RunFolder, splits: Splits) -> None:
    """Gather what the folds predicted for the external cohort.

    Raises:
        RunError: if the predictions of a fold are missing or cannot be read.
    """
    parts = [read_predictions(folder.fold(split.name) / EXTERNAL, training.task) for split in splits]
    with written_whole(folder.external) as temporary:
        write_predictions(temporary, Predictions(training.task, tuple(fold for part in parts for fold in part.folds)))


def external_entry(external: Cohort | None, training: Task) -> dict[str, Any]:
    """What the record says about the external cohort; its scores are added when the run is finished."""
    if external is None:
        return {}
    targets = mapped_targets(np.asarray(external.targets), external.schema.task, training)
    return {
        "external": {
            "title": external.facts.title,
            "synthetic": external.facts.synthetic,
            "source": external.facts.source,
            "fingerprint": external.fingerprint,
            "key": external.key,
            "subjects": len(external),
            "patients": len(set(external.patients)),
            **training.summary(targets),
            "summary": {},
        }
    }
