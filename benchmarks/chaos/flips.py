"""Flips bits in every kind of file that xdistill writes: each has to be found, or to change nothing that is read."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from material import BENCHMARK, Material
from studies import as_database, studies_of
from table import Table

from xdistill.bench.load import load_benchmark
from xdistill.bench.records.submit import submit
from xdistill.bench.records.verify import verify_records
from xdistill.data import open_cohort
from xdistill.distillation.teacher_cache.store import DAMAGED
from xdistill.distillation.teacher_cache.weights import _parse
from xdistill.errors import XdistillError
from xdistill.models import load_model
from xdistill.plugin import load_catalog
from xdistill.recipe.load import load_recipe
from xdistill.runs import load_run
from xdistill.runs.checksums import check_sums
from xdistill.runs.files import read_json
from xdistill.training.checkpoint import Checkpointer
from xdistill.tuning.run import TUNED
from xdistill.tuning.study_file import FILE

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
    """The studies of a search, as it reads them."""
    return digest(studies_of(path))


def of_study_files(folder: Path) -> str:
    """What a search wrote for people: a changed file is said to be one, and read as it is."""
    check_sums(folder, required=(FILE, TUNED))
    return digest(read_json(folder / FILE), load_recipe(folder / TUNED).tree())


def of_records(folder: Path) -> str:
    """The records of a benchmark, as its table reads them."""
    verdict = verify_records(load_benchmark(BENCHMARK), folder)
    if verdict.problems or verdict.remarks:
        raise FoundError
    said = [[fold.probabilities.tobytes() for fold in record.predictions.folds] for record in verdict.records]
    return digest(said, [dict(record.facts) for record in verdict.records])


KINDS: dict[str, Callable[[Path], str]] = {
    "cohort file": of_cohort,
    "run folder": of_run,
    "model folder": of_model,
    "checkpoint": of_checkpoint,
    "teacher cache": of_teacher,
    "study": of_study,
    "study in SQLite": of_study,
    "files of a study": of_study_files,
    "records of a benchmark": of_records,
}
UNREAD = (".lock", "report.html", "README.md", ".journal", ".gitattributes")


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
        "study in SQLite": as_database(material.study / "study.journal", folder / "study.db"),
        "files of a study": material.study,
        "records of a benchmark": _records(material, folder / "records"),
        "teacher cache": next((material.cache / "teacher_cache" / "teachers").glob("*.safetensors")),
    }


def _records(material: Material, folder: Path) -> Path:
    benchmark = load_benchmark(BENCHMARK)
    submit(load_run(material.run), benchmark, "one", catalog=load_catalog(), to=folder)
    return folder


class Flipper:
    """Flips bits of a copy of each kind of file.

    Args:
        material: the files.
        folder: to write to.
        table: to count in.
        generator: of the places.
    """

    def __init__(self, material: Material, folder: Path, table: Table, generator: random.Random) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        found = originals(material, folder)
        self._whole = {kind: KINDS[kind](path) for kind, path in found.items()}
        self._copies = {kind: _copy(path, folder / kind.replace(" ", "_") / path.name) for kind, path in found.items()}
        self._table, self._generator, self._done = table, generator, 0

    def flip(self, count: int) -> None:
        """Flip ``count`` bits, the kinds in turn."""
        for number in range(self._done, self._done + count):
            kind = list(KINDS)[number % len(KINDS)]
            target = _file(self._copies[kind], self._generator)
            content = target.read_bytes()
            place, bit = self._generator.randrange(len(content)), self._generator.randrange(8)
            target.write_bytes(content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :])
            outcome = _outcome(KINDS[kind], self._copies[kind], self._whole[kind])
            self._table.count(f"a flipped bit, {kind}", outcome, f"{target.name}, byte {place}, bit {bit}")
            target.write_bytes(content)
        self._done += count


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
