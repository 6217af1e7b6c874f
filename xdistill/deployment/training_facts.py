"""What a model folder says about its training subjects: counts, scores, and the distributions of its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.data import CohortLike
from xdistill.models.inputs import QUANTILES, image_statistics
from xdistill.runs import Run
from xdistill.types import ModalitySpec

_AT_ONCE = 32  # subjects that are read at a time


def training_facts(
    cohort: CohortLike, rows: NDArray[np.int64], inputs: Sequence[str], run: Run | None
) -> dict[str, Any]:
    """JSON-ready facts of the training subjects; no ids, and nothing of privileged modalities.

    Args:
        cohort: that the model was trained on.
        rows: of the training subjects.
        inputs: modalities of the student.
        run: the cross-validation; None if there was none.
    """
    task = cohort.schema.task
    facts: dict[str, Any] = {
        "fingerprint": cohort.fingerprint,
        "subjects": len(rows),
        "patients": len({cohort.patients[row] for row in rows}),
        **task.summary(np.asarray(cohort.targets)[rows]),
        "modalities": {name: _modality(cohort, rows, name) for name in inputs},
    }
    if run is not None:
        facts["crossval"] = {
            "run": run.record["id"],
            "folds": len(run.predictions.of("student")),
            "summary": run.summary,
        }
    return facts


def _modality(cohort: CohortLike, training: NDArray[np.int64], name: str) -> dict[str, Any]:
    spec = cohort.schema.modalities[name]
    rows = training[cohort.present(name)[training]]
    facts: dict[str, Any] = {
        "kind": spec.kind,
        "shape": list(spec.shape),
        "absent": 1 - len(rows) / max(1, len(training)),
    }
    if spec.kind == "vector":
        return {**facts, "columns": _columns(cohort.values(name, rows), spec)}
    found: list[dict[str, float]] = []
    for start in range(0, len(rows), _AT_ONCE):
        found += [image_statistics(values) for values in cohort.values(name, rows[start : start + _AT_ONCE])]
    statistics = {key: _distribution(np.array([item[key] for item in found])) for key in found[0]} if found else {}
    return {**facts, "intensity": statistics}


def _columns(values: NDArray[Any], spec: ModalitySpec) -> list[dict[str, Any]]:
    names = [column.name for column in spec.columns] or [str(place) for place in range(spec.shape[0])]
    return [
        {
            "name": name,
            "missing": float(np.isnan(values[:, place]).mean()) if len(values) else 1.0,
            **_distribution(values[:, place]),
        }
        for place, name in enumerate(names)
    ]


def _distribution(values: NDArray[Any]) -> dict[str, Any]:
    """Mean, standard deviation and quantiles of the values that are there."""
    known = values[np.isfinite(values)].astype(np.float64)
    if not len(known):
        return {"mean": None, "sd": None, "quantiles": None}
    return {
        "mean": float(known.mean()),
        "sd": float(known.std()),
        "quantiles": [float(value) for value in np.quantile(known, QUANTILES)],
    }
