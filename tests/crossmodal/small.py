"""A recipe of several teachers on a few generated vectors."""

from __future__ import annotations

from typing import Any

MEMBERS = {
    "alone": {"use": "mlp", "inputs": ["a"], "hidden": [6]},
    "both": {"use": "mlp", "inputs": ["a", "b"], "hidden": [6]},
}
TEACHER = {"use": "several", "members": MEMBERS}


def small(**changes: Any) -> dict[str, Any]:
    """Both members, one after the other, then the student; keyword arguments replace top-level fields."""
    recipe: dict[str, Any] = {
        "name": "tests/several",
        "data": {"use": "mfh", "train": 16, "test": 8, "classes": 3, "features_a": 10, "features_b": 10},
        "privileged": ["a"],
        "teacher": TEACHER,
        "student": {"use": "mlp", "inputs": ["b"], "hidden": [6]},
        "stages": [taught("alone"), taught("both"), learned({"use": "ca_mkd"})],
        "optimizer": {"lr": 0.01},
        "loader": {"batch_size": 8},
        "crossval": {"official": True},
        "executor": {"use": "local", "jobs": 1},
    }
    return {**recipe, **changes}


def taught(member: str) -> dict[str, Any]:
    """A stage that trains one member."""
    objective = [{"use": "cross_entropy", "on": "teacher", "output": member}]
    return {"name": member, "train": [f"teacher.members.{member}"], "epochs": 1, "objective": objective}


def learned(*terms: dict[str, Any]) -> dict[str, Any]:
    """A stage that trains the student on labels and these terms."""
    return {"name": "student", "train": ["student"], "epochs": 1, "objective": [{"use": "cross_entropy"}, *terms]}
