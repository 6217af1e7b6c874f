"""Flips bits in every kind of file that xdistill writes: each has to be found, or to change nothing that is read."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch
from material import Material
from table import Table

from xdistill.data import open_cohort
from xdistill.distillation.teacher_cache.store import DAMAGED
from xdistill.distillation.teacher_cache.weights import _parse
from xdistill.errors import XdistillError
from xdistill.models import load_model
from xdistill.runs import load_run
from xdistill.training.checkpoint import Checkpointer
from xdistill.tuning.search.sampling import quiet
from xdistill.tuning.storage.open import open_storage
from xdistill.tuning.storage.trials import trials_by_state

IDENTITY = "chaos"


class FoundError(Exception):
    """A reader that returns nothing for a damaged file, which it says elsewhere."""


def digest(*values: Any) -> str:
    """SHA-256 of whatever was read."""
    hashed = sha256()
    for value in values:
        if isinstance(value, torch.Tensor):
            value = value.detach().cpu().contiguous().numpy()  # noqa: PLW2901 - the same value
        if isinstance(value, np.ndarray):
            hashed.update(str((value.dtype, value.shape)).encode() + np.ascontiguousarray(value).tobytes())
        elif isinstance(value, dict):
            hashed.update(digest(*[part for item in sorted(value.items(), key=str) for part in item]).encode())
        else:
            hashed.update(repr(value).encode())
    return hashed.hexdigest()


def of_cohort(path: Path) -> str:
    """Everything that a run reads of a cohort file."""
    cohort = open_cohort(path)
    try:
        facts = (cohort.facts, cohort.key, cohort.fingerprint, cohort.subjects, cohort.patients, cohort.created)
        present = {name: cohort.present(name) for name in cohort.schema.modalities}
        return digest(*map(repr, facts), cohort.targets, present, cohort.load())
    finally:
        cohort.close()


def of_run(path: Path) -> str:
    """Everything that is read of a finished run."""
    run = load_run(path, thorough=True)
    values = [(fold.role, fold.repeat, fold.fold, fold.subjects) for fold in run.predictions.folds]
    history = [(row.fold, row.stage, row.epoch, sorted(row.values.items())) for row in run.history]
    return digest(values, [fold.probabilities.tobytes() for fold in run.predictions.folds], dict(run.record), history)


def of_model(path: Path) -> str:
    """Weights, settings and calibration of a model."""
    model = load_model(path)
    weights = {member.name: dict(member.network.state_dict()) for member in model.members}
    return digest(repr(model.config.to_json()), weights, repr(model.calibration), repr(model.training))


def of_checkpoint(path: Path) -> str:
    """What a fold resumes from."""
    state = Checkpointer(path, IDENTITY).load()
    if state is None:
        raise FoundError
    return digest(state)


def of_teacher(path: Path) -> str:
    """A cached teacher."""
    try:
        teacher = _parse(path, path.stem)
    except DAMAGED as error:
        raise FoundError from error
    return digest(dict(teacher.network), dict(teacher.losses), teacher.rows)


def of_study(path: Path) -> str:
    """The trials of a study, as a search reads them."""
    with quiet():
        storage = open_storage(str(path))
        names = sorted(optuna.get_all_study_names(storage))
        studies = [optuna.load_study(study_name=name, storage=storage) for name in names]
        counted = [trials_by_state(study).counted for study in studies]
    said = [[(trial.number, trial.params, trial.value, trial.state) for trial in trials] for trials in counted]
    return digest(names, [study.user_attrs for study in studies], said)


KINDS: dict[str, Callable[[Path], str]] = {
    "cohort file": of_cohort,
    "run folder": of_run,
    "model folder": of_model,
    "checkpoint": of_checkpoint,
    "teacher cache": of_teacher,
    "study": of_study,
}
UNREAD = (".lock", "report.html", "README.md")


def originals(material: Material, folder: Path) -> dict[str, Path]:
    """A file or folder of each kind."""
    checkpoint = folder / "checkpoint.pt"
    state = {"epoch": 1, "networks": {"a": torch.arange(500.0)}, "history": [{"x": 1.0}]}
    Checkpointer(checkpoint, IDENTITY).save(state)
    return {
        "cohort file": material.cohort,
        "run folder": material.run,
        "model folder": material.model,
        "checkpoint": checkpoint,
        "study": material.study / "study.journal",
        "teacher cache": next((material.cache / "teacher_cache" / "teachers").glob("*.safetensors")),
    }


def flip(material: Material, folder: Path, table: Table, count: int, generator: random.Random) -> None:
    """Flip ``count`` bits, the kinds in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    found = originals(material, folder)
    whole = {kind: KINDS[kind](path) for kind, path in found.items()}
    copies = {kind: _copy(path, folder / kind.replace(" ", "_") / path.name) for kind, path in found.items()}
    for number in range(count):
        kind = list(KINDS)[number % len(KINDS)]
        target = _file(copies[kind], generator)
        content = target.read_bytes()
        place, bit = generator.randrange(len(content)), generator.randrange(8)
        target.write_bytes(content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :])
        outcome = _outcome(KINDS[kind], copies[kind], whole[kind])
        table.count(f"a flipped bit, {kind}", outcome, f"{target.name}, byte {place}, bit {bit}")
        target.write_bytes(content)


def _outcome(read: Callable[[Path], str], path: Path, whole: str) -> str:
    try:
        return "harmless" if read(path) == whole else "silent"
    except (XdistillError, FoundError):
        return "found"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is counted
        return f"traceback ({type(error).__name__})"


def _file(path: Path, generator: random.Random) -> Path:
    if path.is_file():
        return path
    files = [file for file in path.rglob("*") if file.is_file() and not file.name.endswith(UNREAD)]
    return generator.choice(sorted(file for file in files if file.stat().st_size))


def _copy(source: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copy(source, target)
    return target
