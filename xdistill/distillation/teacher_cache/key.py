"""What decides a teacher and what it says: the keys under which they are kept.

A key is the hash of everything that could change a bit: data and split, transforms and what they learned,
augmentation, the teacher's settings and stages, seeds, arithmetic, machine, versions, and the source files of all that
takes part. What the student is or learns is no part of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from xdistill.data import Cohort, Split
from xdistill.data.file.layout import canonical
from xdistill.distributed.fabric import accelerator_name
from xdistill.experiment.controls import moved
from xdistill.experiment.identity import machine, package_digest, sources, versions
from xdistill.experiment.missing import FILLING
from xdistill.experiment.plans import Experiment, FitPlan, StagePlan, TrainPlan, components_of
from xdistill.plugin import Catalog
from xdistill.training.loader import Rows

if TYPE_CHECKING:
    from xdistill.training.train import Trainer

FORMAT_VERSION = 1


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
    """Who and what takes part in any teacher of a fold: subjects of the split's parts, machine, versions, sources."""
    losses = [choice for stage in experiment.schedule if teaches_alone(stage) for choice in stage.choices]
    parts = [experiment.data, *experiment.transforms, *experiment.augment, experiment.networks["teacher"], *losses]
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
        "sources": sources(components) | {"xdistill": package_digest("xdistill")},
    }


def circumstances(trainer: Trainer) -> dict[str, Any]:
    """What decides which values a teacher is given, and what it makes of them once its weights are known."""
    experiment, recipe = trainer.experiment, trainer.experiment.recipe
    exchanged = moved(experiment, trainer.source.cohort, trainer.training, seed=trainer.seed)
    return {
        "about": trainer.cache.about if trainer.cache else {},
        "teacher": experiment.networks["teacher"].dump(),
        "training": rows_digest(trainer.training),
        "taught": rows_digest(trainer.rows_of("teacher")),
        "transforms": [choice.dump() for choice in experiment.transforms],
        "learned": trainer.source.transforms.state(),
        "augment": [choice.dump() for choice in experiment.augment],
        "missing": recipe.missing.model_dump(mode="json"),
        "modalities": list(experiment.modalities),  # augmentations draw for all of them, one after the other
        "privileged": list(experiment.privileged) if recipe.missing.use in FILLING else [],
        "moved": {name: rows_digest(rows) for name, rows in exchanged.items()},
        "compute": recipe.compute.model_dump(mode="json") | {"accelerator": trainer.fabric.device.type},
    }


def key_of_trained(trainer: Trainer, index: int) -> str | None:
    """The key of the teacher as a stage leaves it; None where the student has a part in that, or the teacher has none.

    Args:
        trainer: of the fold.
        index: of the stage in the schedule.
    """
    stages = [stage for stage in trainer.experiment.schedule[: index + 1] if _teaches(stage)]
    if not teaches_alone(trainer.experiment.schedule[index]) or not all(map(teaches_alone, stages)):
        return None
    recipe = trainer.experiment.recipe
    return digest(
        {
            **circumstances(trainer),
            "what": "trained teacher",
            "seed": trainer.seed,
            "stages": [stage.dump() for stage in stages],
            "drop_last": recipe.loader.drop_last,
            "diagnostics": recipe.diagnostics,
        }
    )


def teaches_alone(stage: StagePlan) -> bool:
    """Whether a stage teaches the teacher, and nobody else has a part in it."""
    if not _teaches(stage) or any(role != "teacher" for role in _roles(stage.paths)):
        return False
    if isinstance(stage, TrainPlan):
        return not stage.stand_in and all(term.on == "teacher" for term in stage.terms)
    return isinstance(stage, FitPlan)


def _teaches(stage: StagePlan) -> bool:
    return "teacher" in _roles(stage.paths)


def _roles(paths: Sequence[str]) -> tuple[str, ...]:
    return tuple(path.partition(".")[0] for path in paths)
