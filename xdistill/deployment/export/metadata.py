"""What an exported file says about itself: one JSON document."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import torch

from xdistill.deployment.export.plan import OUTPUT, InputPlan
from xdistill.models.calibration import Calibration
from xdistill.models.ensemble import Ensemble
from xdistill.version import __version__

FORMAT = "xdistill-export"
FORMAT_VERSION = 1
LEVELS = (0.8, 0.9, 0.95, 0.99)  # of prediction sets
KEY = "xdistill"  # in ONNX's metadata_props; with `.json` at its end, the extra file of a pt2 program


def describe(model: Ensemble, inputs: Sequence[InputPlan], *, file_format: str, precision: str) -> dict[str, Any]:
    """All that a program has to know to run the file: docs/deploy.md lists the fields.

    Args:
        model: that is exported.
        inputs: of the file.
        file_format: ``onnx`` or ``pt2``.
        precision: of the weights: ``float32`` or ``int8``.
    """
    config = model.config
    transformed = {plan.name for plan in inputs if plan.transformed}
    states = model.members[0].transforms.state()["transforms"] if transformed else []
    task = model.schema.task
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "file": file_format,
        "precision": precision,
        "name": model.name,
        "synthetic": config.synthetic,
        "cohort": config.cohort,
        "task": task.to_json(),
        "classes": list(task.names),
        "inputs": {plan.name: plan.to_json() for plan in inputs},
        "output": {"name": OUTPUT, "columns": list(task.columns)},
        "reader": None if config.reader is None else config.reader.model_dump(mode="json"),
        "stored": config.stored,
        "transforms": [state for state in states if state["modality"] in transformed],
        "temperature": None if model.calibration is None else model.calibration.temperature,
        "calibration": None if model.calibration is None else _calibration(model.calibration),
        **_intervals(model),
        "members": [member.name for member in model.members],
        "privileged": list(config.privileged),
        "versions": {
            "trained": dict(config.versions),
            "exported": {"xdistill": __version__, "torch": torch.__version__},
        },
    }


def _intervals(model: Ensemble) -> dict[str, Any]:
    """Half the widths of a regression's intervals, by level and target; null where too few subjects bound one."""
    if model.intervals is None:
        return {}
    names = model.schema.task.names
    found = {f"{level:g}": model.intervals.half_widths(level).tolist() for level in LEVELS}
    return {
        "intervals": {
            level: {name: value if math.isfinite(value) else None for name, value in zip(names, values, strict=True)}
            for level, values in found.items()
        }
    }


def _calibration(calibration: Calibration) -> dict[str, Any]:
    """The least probability of each class in a prediction set, by level, and the chosen operating thresholds."""
    return {
        "sets": {
            f"{level:g}": dict(
                zip(calibration.classes, (1 - calibration.conformal.thresholds(level)).tolist(), strict=True)
            )
            for level in LEVELS
        },
        "operating": [threshold.model_dump(mode="json") for threshold in calibration.thresholds],
    }


def as_text(document: dict[str, Any]) -> str:
    """The document as it is written into the file."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False)
