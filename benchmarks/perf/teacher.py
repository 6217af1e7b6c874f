"""What the teacher cache saves: one fold of a recipe that trains a teacher first, by stages, with and without.

    python benchmarks/perf/teacher.py [--quick]

Seconds are those that this process computed, so that other load on the machine counts less. A round is, in this or
the opposite order:

- a fold without the cache;
- a fold that finds no teacher and writes one;
- a fold of another student (another temperature) that finds the teacher;

and the same without augmentation, where a frozen teacher's outputs are computed once. There each is held against a
fold that calls the teacher for every batch of every epoch.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common import Row, alone

from xdistill.crossval.events import EpochEnded
from xdistill.crossval.fold import run_fold
from xdistill.crossval.prepare import prepare
from xdistill.data import build_cohort, open_cohort
from xdistill.distillation import frozen_teacher
from xdistill.distillation.teacher_cache.store import FOLDER, cached_files
from xdistill.experiment.assemble import assemble
from xdistill.plugin import load_catalog
from xdistill.recipe.load import load_recipe
from xdistill.runs.files import make_folder, write_json

Times = dict[str, float]
OFF = {"teacher_cache.use": "off"}
OTHER = {"stages.student.objective.1.temperature": 2.0}


class Folds:
    """Runs first folds of one recipe.

    Args:
        recipe: its name.
        epochs: of each stage.
        folder: for cohort and runs.
    """

    def __init__(self, recipe: str, epochs: int, folder: Path) -> None:
        self.recipe, self.folder = recipe, folder
        self.epochs = {f"stages.{stage}.epochs": epochs for stage in ("teacher", "student")}
        self.count = 0

    @property
    def cache(self) -> Path:
        """The folder of the teacher cache."""
        return self.folder / FOLDER

    def times(self, changes: Mapping[str, Any]) -> Times:
        """Seconds computed by stage, and of the whole fold."""
        loaded = load_recipe(self.recipe, overrides={"compute.accelerator": "cpu", **self.epochs, **changes})
        catalog = load_catalog()
        experiment = assemble(loaded, catalog)
        cohort = open_cohort(build_cohort(experiment.data, loaded.recipe.cache, directory=self.folder))
        self.count += 1
        run = prepare(loaded, experiment, catalog, cohort, self.folder / "runs" / str(self.count))
        make_folder(run.folder.path)
        write_json(run.folder.splits, run.splits.to_json())
        payload = {
            "recipe": run.resolved,
            "run": str(run.folder.path),
            "cohort": str(cohort.path),
            "identity": run.identity,
            "repeat": 0,
            "fold": 0,
        }
        begin = last = time.process_time()
        times: Times = {}
        for event in run_fold(payload):
            now = time.process_time()
            if isinstance(event, EpochEnded):
                times[event.stage] = times.get(event.stage, 0.0) + now - last
            last = now
        return times | {"whole fold": last - begin}


@contextmanager
def without_memory() -> Iterator[None]:
    """Call a frozen teacher for every batch, with augmentation or without."""
    usual = frozen_teacher.MEMORY_MB
    frozen_teacher.MEMORY_MB = 0
    try:
        yield
    finally:
        frozen_teacher.MEMORY_MB = usual


def one_round(folds: Folds, changes: Mapping[str, Any], *, backwards: bool) -> dict[str, Times]:
    """All kinds of fold once."""

    def never() -> Times:
        with without_memory():
            return folds.times({**changes, **OFF})

    def first() -> Times:
        shutil.rmtree(folds.cache, ignore_errors=True)
        return folds.times(changes)

    steps = {
        "never": never,
        "without the cache": lambda: folds.times({**changes, **OFF}),
        "first run": first,
        "second run": lambda: folds.times({**changes, **OTHER}),
    }
    if "augment" not in changes:
        del steps["never"]  # it is the same
    order = ["first run", "second run", *(name for name in steps if not name.endswith("run"))]
    if backwards:
        order = [*order[2:], *order[:2]]
    return {name: steps[name]() for name in order}


def rows(quick: bool) -> list[Row]:
    """What stages and folds take, held against a fold without cache and memory."""
    count, epochs = (1, 2) if quick else (3, 3)
    with tempfile.TemporaryDirectory() as folder:
        folds = Folds("baselines/kd", epochs, Path(folder))
        folds.times(OFF | dict.fromkeys(folds.epochs, 1))  # builds the cohort
        found = _held(folds, {}, "with augmentation", count, base="without the cache")
        found += _held(folds, {"augment": []}, "without augmentation", count, base="never")
    return found


def _held(folds: Folds, changes: Mapping[str, Any], title: str, count: int, *, base: str) -> list[Row]:
    rounds = [one_round(folds, changes, backwards=bool(number % 2)) for number in range(count)]
    size = sum(file.size for file in cached_files(folds.cache)) / 1e6
    note = f"a fold writes a teacher of {size:.1f} MB"

    def row(part: str, name: str) -> Row:
        values = tuple(times[name].get(part, 0.0) / times[base][part] for times in rounds)
        what = part if part == "whole fold" else f"stage {part}"
        return Row(f"{what}, {name}", f"no memory, {title}", values, note=note if name == "second run" else "")

    names = [name for name in ("without the cache", "first run", "second run") if name != base]
    return [
        *(row("student", name) for name in names),
        row("teacher", "second run"),
        row("whole fold", "first run"),
        row("whole fold", "second run"),
    ]


if __name__ == "__main__":
    alone(rows, __doc__)
