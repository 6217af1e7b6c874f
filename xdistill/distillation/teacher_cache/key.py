"""The key under which a trained teacher is kept: the hash of everything that could change a bit of it.

That is: data and split, transforms and their fitted values, augmentation, the teacher's settings and stages, seeds,
callbacks, arithmetic, machine, versions, and the source files of all components. The student is not part of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from xdistill.data import Cohort, Split
from xdistill.data.file.layout import canonical
from xdistill.distributed.fabric import accelerator_name
from xdistill.experiment.context import FoldContext
from xdistill.experiment.identity import digest_at_start, machine, sources, versions
from xdistill.experiment.missing import FILLING
from xdistill.experiment.plans import Experiment, components_of
from xdistill.experiment.stages.plans import teaches, teaches_alone
from xdistill.plugin import Catalog
from xdistill.training.source import Rows

FORMAT_VERSION = 2


def digest(data: Any) -> str:
    """32 hexadecimal digits of JSON-ready data."""
    return hashlib.sha256(canonical(data)).hexdigest()[:32]


def rows_digest(rows: Rows) -> str:
    """32 hexadecimal digits of rows of the cohort, in their order."""
    return hashlib.sha256(np.asarray(rows, dtype="<i8").tobytes()).hexdigest()[:32]


def state_digest(state: Mapping[str, torch.Tensor]) -> str:
    """32 hexadecimal digits of weights and buffers: names, types, shapes and every bit."""
    total = hashlib.sha256()
    for name in sorted(state):
        value = state[name]
        total.update(canonical([name, str(value.dtype), list(value.shape)]))
        total.update(_bytes(value).data)
    return total.hexdigest()[:32]


def _bytes(value: torch.Tensor) -> NDArray[np.uint8]:
    """A tensor's numbers in C order, of any type."""
    plain: NDArray[np.uint8] = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    return plain


def about(experiment: Experiment, catalog: Catalog, cohort: Cohort, split: Split) -> dict[str, Any]:
    """What decides any teacher of a fold: subjects of the split's parts, machine, versions, source files."""
    losses = [choice for stage in experiment.schedule if teaches_alone(stage) for choice in stage.choices]
    parts = [
        experiment.data,
        *experiment.transforms,
        *experiment.augment,
        *experiment.callbacks,
        experiment.networks["teacher"],
        *losses,
    ]
    components = components_of(parts)
    compute = experiment.recipe.compute
    accelerator = accelerator_name(compute.accelerator)
    device = torch.cuda.get_device_name() if accelerator == "cuda" else accelerator
    return {
        "format": FORMAT_VERSION,
        "cohort": cohort.fingerprint,
        "split": {part: rows_digest(cohort.rows_of(getattr(split, part))) for part in ("train", "validation", "test")},
        "machine": machine(device, compute.threads) | {"capability": torch.backends.cpu.get_cpu_capability()},
        "versions": versions(components, catalog),
        "sources": sources(components) | {"xdistill": digest_at_start("xdistill")},
    }


def key_of_teacher(context: FoldContext, about: Mapping[str, Any], index: int) -> str | None:
    """The key of the teacher after a stage; None if the student takes part in its training, or the teacher does not.

    Args:
        context: of the fold.
        about: see `about`.
        index: of the stage in the schedule.
    """
    experiment, recipe = context.experiment, context.experiment.recipe
    stages = [stage for stage in experiment.schedule[: index + 1] if teaches(stage)]
    if not teaches_alone(experiment.schedule[index]) or not all(map(teaches_alone, stages)):
        return None
    return digest(
        {
            "about": about,
            "teacher": experiment.networks["teacher"].dump(),
            "training": rows_digest(context.training),
            "taught": rows_digest(context.labelled_rows_of("teacher")),
            "transforms": [choice.dump() for choice in experiment.transforms],
            "learned": context.source.transforms.state(),
            "augment": [choice.dump() for choice in experiment.augment],
            "callbacks": [choice.dump() for choice in experiment.callbacks],
            "missing": recipe.missing.model_dump(mode="json"),
            "modalities": list(experiment.modalities),  # augmentations draw for all of them, one after the other
            "privileged": list(experiment.privileged) if recipe.missing.use in FILLING else [],
            "moved": {name: rows_digest(rows) for name, rows in context.source.moved.items()},
            "compute": recipe.compute.model_dump(mode="json") | {"accelerator": context.fabric.device.type},
            "seed": context.seed,
            "stages": [replace(stage, cross_fit=None).dump() for stage in stages],
            "drop_last": recipe.loader.drop_last,
            "diagnostics": recipe.diagnostics,
        }
    )
