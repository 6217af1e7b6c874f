"""Arrays and recipes so small that a fit takes a moment."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np

from tiny import tiny
from xdistill.experiment.assemble import choose_dataset
from xdistill.plugin import load_catalog
from xdistill.recipe.load import as_loaded

SUBJECTS = 24


def vectors() -> tuple[dict[str, Any], np.ndarray]:
    """Two modalities of 24 subjects, of which `blood` says the class, and `scan` a little of it."""
    rng = np.random.default_rng(0)
    target = np.arange(SUBJECTS) % 2
    blood = target[:, None] * 4.0 + rng.normal(size=(SUBJECTS, 3))
    scan = target[:, None] * 1.0 + rng.normal(size=(SUBJECTS, 4))
    return {"scan": scan, "blood": blood}, np.array(["benign", "malignant"])[target]


def blocks(**changes: Any) -> dict[str, Any]:
    """Keyword arguments of a Distiller whose teacher sees `blood`."""
    terms = [{"use": "cross_entropy", "on": "teacher"}, {"use": "cross_entropy", "on": "student"}, {"use": "class_kl"}]
    stage = {"name": "joint", "train": ["teacher", "student"], "epochs": 3, "objective": terms}
    plain: dict[str, Any] = {
        "teacher": {"use": "mlp", "inputs": ["scan", "blood"], "hidden": [4]},
        "student": {"use": "mlp", "inputs": ["scan"], "hidden": [4]},
        "transforms": [{"use": "tabular", "modality": "blood"}],
        "stages": [stage],
        "optimizer": {"lr": 0.05},
        "seed": 1,
    }
    return {**plain, **changes}


def phantom() -> tuple[dict[str, Any], dict[str, Any], np.ndarray]:
    """The tiny recipe, and the arrays and labels of its generated cohort."""
    recipe = tiny(stages=[{**tiny()["stages"][0], "epochs": 1}])
    dataset = choose_dataset(as_loaded(recipe), load_catalog()).build()
    rows = dataset.index()
    loaded = list(dataset.load_many(range(len(rows))))
    arrays = {name: np.stack([values[name] for values in loaded]) for name in loaded[0]}
    return recipe, arrays, np.array([dataset.schema().classes[row.target] for row in rows])


def unpickled(value: Any) -> Any:
    """The value after the way through bytes."""
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - our own bytes
