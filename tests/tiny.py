"""A recipe so small that a whole run takes a moment."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from xdistill.api import FinishedRun, load_run
from xdistill.crossval.events import RunFinished
from xdistill.crossval.execute import execute
from xdistill.plugin import load_catalog
from xdistill.recipe.load import as_loaded
from xdistill.recipe.loaded import LoadedRecipe


def tiny(**changes: Any) -> dict[str, Any]:
    """CMD-Net on thirty generated subjects, as plain data; keyword arguments replace top-level fields."""
    small = {"width": 0.03125, "blocks": 2, "features": 8}
    recipe: dict[str, Any] = {
        "name": "tests/tiny",
        "data": {"use": "hcc_phantom", "subjects": 30, "shape": [8, 16, 16]},
        "privileged": ["clinical"],
        "transforms": [{"use": "tabular", "modality": "clinical"}],
        "augment": [{"use": "volume_flip"}],
        "teacher": {
            "use": "multibranch",
            "branches": {
                "hbp": {"use": "mri_clinical_fusion", "inputs": ["hbp", "clinical"], **small},
                "pre": {"use": "mri_clinical_fusion", "inputs": ["pre", "clinical"], **small},
            },
            "fusion": {"use": "cross_attention"},
            "head": {"hidden": [8]},
        },
        "student": {
            "use": "multibranch",
            "branches": {
                "hbp": {"use": "mri_only", "inputs": ["hbp"], **small},
                "pre": {"use": "mri_only", "inputs": ["pre"], **small},
            },
            "fusion": {"use": "cross_attention"},
        },
        "stages": [joint("focal", {"use": "class_kl"}, {"use": "feature_kl", "taps": ["hbp", "pre"]}, epochs=2)],
        **plan(batch_size=8, folds=3),
    }
    return {**recipe, **changes}


def joint(task: str, *terms: dict[str, Any], epochs: int) -> dict[str, Any]:
    """A stage that trains both networks with a task loss each and these terms between them."""
    objective = [{"use": task, "on": "teacher"}, {"use": task, "on": "student"}, *terms]
    return {"name": "joint", "train": ["teacher", "student"], "epochs": epochs, "objective": objective}


def plan(*, batch_size: int, folds: int) -> dict[str, Any]:
    """The fields that say how much is trained, all of it in one worker."""
    return {
        "loader": {"batch_size": batch_size},
        "crossval": {"folds": folds},
        "executor": {"use": "local", "jobs": 1},
    }


def loaded(**changes: Any) -> LoadedRecipe:
    """The tiny recipe, loaded."""
    return as_loaded(tiny(**changes))


def trained(recipe: dict[str, Any] | LoadedRecipe, *, runs: Path, cache: Path, on_event: Any = None) -> FinishedRun:
    """What `xdistill.run` leaves, but for the report, which takes longer to draw than a tiny run to train."""
    given = recipe if isinstance(recipe, LoadedRecipe) else as_loaded(recipe)
    with closing(execute(given, load_catalog(), runs=runs, cache=cache)) as events:
        for event in events:
            if on_event is not None:
                on_event(event)
            if isinstance(event, RunFinished):
                return load_run(event.path)
    raise AssertionError("a run ends with its results")
