"""Compares a written file with PyTorch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xdistill.deployment.export.formats import Run
from xdistill.deployment.export.plan import InputPlan
from xdistill.deployment.export.subjects import Subjects
from xdistill.deployment.export.trace import reason
from xdistill.errors import ModelError
from xdistill.models.ensemble import Ensemble
from xdistill.models.numbers import mean_of
from xdistill.tasks import Classification

TOLERANCE = 1e-4  # of a probability; of other predictions relative to the largest one


@dataclass(frozen=True)
class Comparison:
    """A file and PyTorch on the same subjects.

    Attributes:
        what: which subjects.
        subjects: number of them.
        largest: difference of a prediction; of predictions that are not probabilities, divided by the largest one, if
            that is above 1.
        agreement: share of subjects with the same predicted class; None for tasks without classes.
    """

    what: str
    subjects: int
    largest: float
    agreement: float | None


def compare(
    run: Run, model: Ensemble, inputs: Sequence[InputPlan], batches: Iterable[Subjects], what: str
) -> Comparison:
    """Run a file and the model on the same subjects.

    Raises:
        ModelError: if the file cannot be run, or its predictions are not finite.
    """
    found, expected = [], []
    for subjects in batches:
        expected.append(reference(model, subjects))
        try:
            found.append(run(subjects.feed(model, inputs)))
        except Exception as error:
            raise ModelError(f"the exported student fails on {what}: {reason(error)}; nothing was written") from error
        if found[-1].shape != expected[-1].shape or not np.isfinite(found[-1]).all():
            raise ModelError(f"the exported student's predictions for {what} are not valid; nothing was written")
    ours, theirs = np.concatenate(found), np.concatenate(expected)
    task = model.schema.task
    unit = 1.0 if task.probabilistic else max(1.0, float(np.abs(theirs).max()))
    agreement = None
    if isinstance(task, Classification):
        agreement = float((task.predicted(ours) == task.predicted(theirs)).mean())
    return Comparison(what, len(ours), float(np.abs(ours - theirs).max()) / unit, agreement)


def check(comparison: Comparison, tolerance: float) -> None:
    """Refuse a file that differs.

    Raises:
        ModelError: with the largest difference.
    """
    if comparison.largest > tolerance:
        raise ModelError(
            f"the exported student differs from PyTorch by {comparison.largest:.2g} on {comparison.what}, more than "
            f"{tolerance:g}; nothing was written"
        )


def reference(model: Ensemble, subjects: Subjects) -> NDArray[np.float64]:
    """The model's own calibrated predictions on the CPU in float32, which is what files compute in."""
    compute = model.config.compute.model_copy(update={"precision": "32-true", "compile": False})
    exact = replace(model, config=model.config.model_copy(update={"compute": compute}))
    cohort = subjects.cohort(model.schema)
    with exact.on_device("cpu") as fabric:
        members = exact.predict_members(cohort, fabric, batch_size=len(cohort))
    return model.calibrated(mean_of(members))
