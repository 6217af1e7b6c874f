"""What a model folder says about its training subjects: counts, scores, and the distributions of its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.data import Cohort, CohortLike, Splits, default_cache_dir, open_cohort
from xdistill.errors import CacheError, DataError
from xdistill.models.inputs import QUANTILES, image_statistics
from xdistill.runs import Run
from xdistill.runs.files import read_json
from xdistill.types import ModalitySpec

MOST_SUBJECTS = 1000  # that are read to describe a run
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
    task, labelled = cohort.schema.task, rows[cohort.labelled[rows]]
    facts: dict[str, Any] = {
        "fingerprint": cohort.fingerprint,
        "subjects": len(rows),
        "patients": len({cohort.patients[row] for row in rows}),
        **task.summary(np.asarray(cohort.targets)[labelled]),
        **({"unlabelled": len(rows) - len(labelled)} if len(labelled) < len(rows) else {}),
        "modalities": {name: {**_modality(cohort, rows, name), **_grid(cohort, name)} for name in inputs},
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


def _grid(cohort: CohortLike, name: str) -> dict[str, Any]:
    """The grids of the source files, where the cohort says."""
    grids = cohort.facts.grids if isinstance(cohort, Cohort) else {}
    return {"grid": asdict(grids[name])} if name in grids else {}


def facts_of_run(run: Run, inputs: Sequence[str], cache: Path | None) -> dict[str, Any] | None:
    """`training_facts` from the run's cohort file, by at most 1,000 of its subjects; None if it is not at hand.

    Args:
        run: that was finished.
        inputs: modalities of the student.
        cache: folder of the cohort files; None: the user's cache folder.
    """
    stored = run.record.get("cohort") or {}
    used = (run.record["recipe"].get("data") or {}).get("use")
    path = (cache or default_cache_dir()) / f"{used}-{str(stored.get('key'))[:16]}.h5"
    try:
        with closing(open_cohort(path)) as cohort:
            if cohort.fingerprint != stored.get("fingerprint"):
                return None
            return training_facts(cohort, _some(cohort, run), inputs, run)
    except (CacheError, DataError):
        return None


def _some(cohort: Cohort, run: Run) -> NDArray[np.int64]:
    """Rows of training subjects, evenly taken from all."""
    splits = Splits.from_json(read_json(run.folder.splits))
    rows = cohort.rows_of(dict.fromkeys(name for split in splits for name in (*split.train, *split.validation)))
    chosen = np.unique(np.linspace(0, len(rows) - 1, MOST_SUBJECTS).astype(int)) if len(rows) > MOST_SUBJECTS else None
    return rows if chosen is None else rows[chosen]


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
