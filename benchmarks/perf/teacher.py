"""What a kept teacher saves: one fold of a recipe that trains a teacher first, by stages, with and without.

    python benchmarks/perf/teacher.py [--recipe baselines/kd] [--epochs 5] [--rounds 3]

Seconds are those that this process computed, so that what others do on the machine counts less. A round is, in this or
the opposite order:

- a fold that keeps nothing;
- a fold that finds nothing and keeps all;
- a fold of another student (another temperature) that finds all;

and the same without augmentation, where the first is also done as it would be without any memory: the teacher asked
about every batch of every epoch.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xdistill.cohort import build_cohort, open_cohort
from xdistill.engine import frozen
from xdistill.engine.assemble import assemble
from xdistill.engine.crossval import prepare
from xdistill.engine.events import EpochEnded
from xdistill.engine.fold import run_fold
from xdistill.engine.teacher_cache import FOLDER, kept_files
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
        self.always = {f"stages.{stage}.epochs": epochs for stage in ("teacher", "student")}
        self.always["compute.accelerator"] = "cpu"
        self.count = 0

    @property
    def kept(self) -> Path:
        """Where teachers are kept."""
        return self.folder / FOLDER

    def times(self, changes: Mapping[str, Any]) -> Times:
        """Seconds computed by stage, and of the whole fold as ``all``."""
        loaded = load_recipe(self.recipe, overrides={**self.always, **changes})
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
        return times | {"all": last - begin}


@contextmanager
def without_memory() -> Iterator[None]:
    """Ask a frozen teacher about every batch, with augmentation or without."""
    usual = frozen.BY_SUBJECT_MB
    frozen.BY_SUBJECT_MB = 0
    try:
        yield
    finally:
        frozen.BY_SUBJECT_MB = usual


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
        "first": first,
        "second": lambda: folds.times({**changes, **OTHER}),
    }
    if "augment" not in changes:
        del steps["never"]  # it is the same
    order = ["first", "second", *(name for name in steps if name not in {"first", "second"})]
    if backwards:
        order = [*order[2:], *order[:2]]
    return {name: steps[name]() for name in order}


def ratio(rounds: list[dict[str, Times]], part: str, name: str, other: str) -> str:
    """The median ratio and its range."""
    ratios = sorted(times[name].get(part, 0.0) / times[other][part] for times in rounds)
    return f"{statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="baselines/kd")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        folds = Folds(arguments.recipe, arguments.epochs, folder)
        folds.times(OFF | {f"stages.{stage}.epochs": 1 for stage in ("teacher", "student")})  # builds the cohort
        for title, changes in (("with augmentation", {}), ("without augmentation", {"augment": []})):
            rounds = [one_round(folds, changes, backwards=bool(number % 2)) for number in range(arguments.rounds)]
            base = "never" if "augment" in changes else "nothing kept"
            print(f"{title}, ratios to a fold that remembers nothing:")
            if base == "never":
                print(f"  stage student, nothing kept  {ratio(rounds, 'student', 'nothing kept', base)}")
            print(f"  stage student, first run     {ratio(rounds, 'student', 'first', base)}")
            print(f"  stage student, second run    {ratio(rounds, 'student', 'second', base)}")
            print(f"  stage teacher, second run    {ratio(rounds, 'teacher', 'second', base)}")
            print(f"  whole fold, first run        {ratio(rounds, 'all', 'first', base)}")
            print(f"  whole fold, second run       {ratio(rounds, 'all', 'second', base)}")
            files = list(kept_files(folds.kept))
            teachers = sum(file.size for file in files if file.path.suffix == ".safetensors")
            outputs = sum(file.size for file in files if file.path.suffix == ".h5")
            print(f"  kept by a fold: teacher {teachers / 1e6:.1f} MB, outputs {outputs / 1e6:.2f} MB")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
