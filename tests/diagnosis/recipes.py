"""A recipe on generated vectors that a diagnosis takes seconds for."""

from __future__ import annotations

from typing import Any


def vectors(**changes: Any) -> dict[str, Any]:
    """Learning with privileged information from forty subjects, as plain data."""
    recipe: dict[str, Any] = {
        "name": "tests/vectors",
        "data": {"use": "lupi", "setting": "clean_labels", "train": 40, "test": 20},
        "privileged": ["privileged"],
        "teacher": {"use": "mlp", "inputs": ["privileged"], "hidden": []},
        "student": {"use": "mlp", "inputs": ["regular"], "hidden": []},
        "stages": [
            {
                "name": "teach",
                "train": ["teacher"],
                "epochs": 4,
                "objective": [{"use": "cross_entropy", "on": "teacher"}],
            },
            {"name": "learn", "train": ["student"], "epochs": 4, "objective": [{"use": "generalized"}]},
        ],
        "optimizer": {"lr": 0.05},
        "loader": {"batch_size": 40},
        "crossval": {"folds": 2},
        "executor": {"use": "local", "jobs": 1},
    }
    return {**recipe, **changes}
