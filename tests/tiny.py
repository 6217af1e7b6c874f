"""A recipe so small that a whole run takes a moment."""

from __future__ import annotations

from typing import Any

from xdistill.recipe.load import as_loaded
from xdistill.recipe.loaded import LoadedRecipe


def tiny(**changes: Any) -> dict[str, Any]:
    """CMD-Net on thirty generated subjects, as plain data; keyword arguments replace top-level fields."""
    small = {"width": 0.03125, "features": 8}
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
        "stages": [
            {
                "name": "joint",
                "train": ["teacher", "student"],
                "epochs": 2,
                "objective": [
                    {"use": "focal", "on": "teacher"},
                    {"use": "focal", "on": "student"},
                    {"use": "class_kl"},
                    {"use": "feature_kl", "taps": ["hbp", "pre"]},
                ],
            }
        ],
        "loader": {"batch_size": 8},
        "crossval": {"folds": 3},
        "executor": {"use": "local", "jobs": 1},
    }
    return {**recipe, **changes}


def loaded(**changes: Any) -> LoadedRecipe:
    """The tiny recipe, loaded."""
    return as_loaded(tiny(**changes))
