"""What a kept teacher saves: one fold of a recipe that trains a teacher first, by stages, with and without.

    python benchmarks/perf/teacher.py [--quick]

Seconds are those that this process computed, so that what others do on the machine counts less. A round is, in this or
the opposite order:

- a fold that keeps nothing;
- a fold that finds nothing and keeps all;
- a fold of another student (another temperature) that finds all;

and the same without augmentation, where the first is also done as it would be without any memory: the teacher asked
about every batch of every epoch.

Then students of both phases and of one, whose teacher is found: a stage that does not load what only the teacher reads
is held against one that does.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from common import Row, alone, interleaved, ratios

from xdistill.crossval import gradient_stage as gradient
from xdistill.crossval.events import EpochEnded
from xdistill.crossval.fold import run_fold
from xdistill.crossval.prepare import prepare
from xdistill.data import build_cohort, open_cohort
from xdistill.distillation import frozen_teacher as frozen
from xdistill.distillation.teacher_cache.store import FOLDER, kept_files
from xdistill.experiment.assemble import assemble
from xdistill.plugin import load_catalog
from xdistill.recipe.load import load_recipe
from xdistill.runs.files import make_folder, write_json

Times = dict[str, float]
OFF = {"teacher_cache.use": "off"}
OTHER = {"stages.student.objective.1.temperature": 2.0}
ONE_PHASE = {"student.branches.pre": None, "student.fusion": None}
STREAMED = {"loader.memory_mb": 1}


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
    def kept(self) -> Path:
        """Where teachers are kept."""
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
    """Ask a frozen teacher about every batch, with augmentation or without."""
    usual = frozen.BY_SUBJECT_MB
    frozen.BY_SUBJECT_MB = 0
    try:
        yield
    finally:
        frozen.BY_SUBJECT_MB = usual


@contextmanager
def everything_loaded() -> Iterator[None]:
    """Load modalities that no network reads."""
    usual = gradient.ThriftyBatches
    gradient.ThriftyBatches = lambda batches, _unread: usual(batches, frozenset())
    try:
        yield
    finally:
        gradient.ThriftyBatches = usual


def one_round(folds: Folds, changes: Mapping[str, Any], *, backwards: bool) -> dict[str, Times]:
    """All kinds of fold once."""

    def never() -> Times:
        with without_memory():
            return folds.times({**changes, **OFF})

    def first() -> Times:
        shutil.rmtree(folds.kept, ignore_errors=True)
        return folds.times(changes)

    steps = {
        "never": never,
        "nothing kept": lambda: folds.times({**changes, **OFF}),
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
    """What stages and folds take, held against a fold that remembers nothing."""
    count, epochs = (1, 2) if quick else (3, 3)
    with tempfile.TemporaryDirectory() as folder:
        folds = Folds("baselines/kd", epochs, Path(folder))
        folds.times(OFF | dict.fromkeys(folds.epochs, 1))  # builds the cohort
        found = _held(folds, {}, "with augmentation", count, base="nothing kept")
        found += _held(folds, {"augment": []}, "without augmentation", count, base="never")
        for student, phases in (("two phases", {}), ("one phase", ONE_PHASE)):
            for place, loader in (("in memory", {}), ("streamed", STREAMED)):
                found.append(_loading(folds, phases | loader, f"student of {student}, {place}", 2 * count))
    return found


def _loading(folds: Folds, changes: Mapping[str, Any], title: str, count: int) -> Row:
    folds.times(changes)  # from here on the teacher and its outputs are found
    seconds: dict[bool, list[float]] = {True: [], False: []}

    def stage(*, everything: bool) -> None:
        with everything_loaded() if everything else nullcontext():
            seconds[everything].append(folds.times(changes | OTHER)["student"])

    interleaved(partial(stage, everything=False), partial(stage, everything=True), rounds=count)
    values = ratios(list(zip(seconds[False], seconds[True], strict=True)))
    return Row(f"stage student, second run, {title}", "loading what only the teacher reads", values)


def _held(folds: Folds, changes: Mapping[str, Any], title: str, count: int, *, base: str) -> list[Row]:
    rounds = [one_round(folds, changes, backwards=bool(number % 2)) for number in range(count)]
    files = list(kept_files(folds.kept))
    teachers, outputs = (
        sum(file.size for file in files if file.path.suffix == suffix) / 1e6 for suffix in (".safetensors", ".h5")
    )
    note = f"a fold keeps a teacher of {teachers:.1f} MB and {outputs:.2f} MB of outputs"

    def row(part: str, name: str) -> Row:
        values = tuple(times[name].get(part, 0.0) / times[base][part] for times in rounds)
        what = part if part == "whole fold" else f"stage {part}"
        return Row(f"{what}, {name}", f"no memory, {title}", values, note=note if name == "second run" else "")

    names = [name for name in ("nothing kept", "first run", "second run") if name != base]
    return [
        *(row("student", name) for name in names),
        row("teacher", "second run"),
        row("whole fold", "first run"),
        row("whole fold", "second run"),
    ]


if __name__ == "__main__":
    alone(rows, __doc__)
