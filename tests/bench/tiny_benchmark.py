"""A benchmark so small that all of its runs take a few seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tiny import tiny
from xdistill.recipe.yaml.writer import write_yaml

SMALL = {"use": "hcc_phantom", "subjects": 30, "shape": [8, 16, 16]}


def kd() -> dict[str, Any]:
    """The student learns from classes and from its teacher's probabilities."""
    return tiny(name="tests/kd")


def alone() -> dict[str, Any]:
    """The student without a teacher."""
    stage = {"name": "supervised", "train": ["student"], "epochs": 1, "objective": [{"use": "focal"}]}
    recipe = tiny(name="tests/alone", stages=[stage], teacher=None)
    return {name: value for name, value in recipe.items() if name not in {"privileged", "transforms"}}


def benchmark(**changes: Any) -> dict[str, Any]:
    """The benchmark as plain data; keyword arguments replace top-level fields."""
    return {
        "format": "xdistill-benchmark",
        "version": 1,
        "name": "small",
        "title": "A small benchmark",
        "data": SMALL,
        "crossval": {"folds": 3},
        "set": {"executor.jobs": 1},
        "reference": "alone",
        "student_alone": "alone",
        "teacher": "teacher",
        "entries": [
            {"name": "alone", "title": "Student alone", "recipe": "alone.yaml"},
            {"name": "kd", "recipe": "kd.yaml", "set": {"stages.joint.epochs": 1}, "distilled": True},
            {"name": "teacher", "of": "kd", "role": "teacher", "track": "privileged"},
        ],
        "reported": {"source": "A paper", "rows": {"kd": {"auc_ovo": {"mean": 71.01, "sd": 1.6}}}},
        **changes,
    }


def write_benchmark(folder: Path, **changes: Any) -> Path:
    """The benchmark file with its recipes beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, recipe in (("kd", kd()), ("alone", alone())):
        (folder / f"{name}.yaml").write_text(write_yaml(recipe), encoding="utf-8")
    path = folder / "small.yaml"
    path.write_text(write_yaml(benchmark(**changes)), encoding="utf-8")
    return path
