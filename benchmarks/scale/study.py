"""What a study costs as it grows: appending a trial, looking at all of them, proposing the next, reading it anew.

A trial is made as a worker of `xdistill tune` makes it (count, ask, propose, report its folds, tell), with nothing in
place of the training. Journal and SQLite hold the same trials; smaller studies are stages of the largest. Studies are
filled in memory, where nothing waits for a disk, and copied to the disk to be measured.

python benchmarks/scale/study.py [--sizes 100 1000 10000] [--storages journal sqlite]
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import optuna

from xdistill.recipe.schema.tuning import Tune
from xdistill.tuning.search.sampling import quiet, sampler_for
from xdistill.tuning.search.space import suggest
from xdistill.tuning.storage.open import open_storage, open_study, storage_url
from xdistill.tuning.storage.trials import FOLDS, best_of, register_worker, trials_by_state

TIMED = 5  # trials that are timed at each size
SPACE = {
    "optimizer.lr": {"low": 1e-5, "high": 1e-1, "log": True},
    "optimizer.weight_decay": {"low": 1e-6, "high": 1e-1, "log": True},
    "loader.batch_size": {"low": 4, "high": 64, "int": True},
    "student.fusion": {"choices": [{"use": "concat"}, {"use": "cross_attention"}]},
}


def tune(sampler: str) -> Tune:
    return Tune.model_validate({"trials": 1_000_000, "sampler": sampler, "space": SPACE})


def one_trial(study: optuna.Study, search: Tune) -> dict[str, float]:
    """Make a trial as a worker does; seconds by step."""
    begin = time.perf_counter()
    found = trials_by_state(study)
    counted = time.perf_counter()
    sampler = sampler_for(search, found.taken, search="all")
    assert sampler is not None
    study.sampler = sampler
    trial = study.ask()
    register_worker(trial)
    params = suggest(trial, search.space)
    proposed = time.perf_counter()
    score = 1.0 - abs(params["optimizer.lr"] - 0.01)
    for fold in range(3):
        trial.report(score, fold + 1)
    trial.set_user_attr(FOLDS, [score] * 3)
    study.tell(trial, score)
    told = time.perf_counter()
    return {"count": counted - begin, "ask and propose": proposed - counted, "report and tell": told - proposed}


def made_up(count: int) -> list[optuna.trial.FrozenTrial]:
    """Finished trials of random settings, as a study holds them."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0), direction="maximize")
    search = tune("random")
    for _ in range(count):
        trial = study.ask()
        params = suggest(trial, search.space)
        for fold in range(3):
            trial.report(0.5, fold + 1)
        study.tell(trial, 1.0 - abs(params["optimizer.lr"] - 0.01))
    return study.get_trials(deepcopy=False)


def measured(url: str, samplers: Sequence[str], more: Sequence[optuna.trial.FrozenTrial]) -> dict[str, float]:
    """Seconds of what a worker and a reader do with a study as it stands."""
    begin = time.perf_counter()
    study = optuna.load_study(study_name="scale", storage=open_storage(url))
    counted = trials_by_state(study).counted
    figures = {"read anew": time.perf_counter() - begin}
    assert best_of(counted, maximise=True) is not None
    begin = time.perf_counter()
    study.add_trials(more[:TIMED])
    figures["append, each"] = (time.perf_counter() - begin) / TIMED
    for sampler in samplers:
        timed = [one_trial(study, tune(sampler)) for _ in range(TIMED)]
        for step in timed[0]:
            name = f"{step}, {sampler}" if step == "ask and propose" else step
            figures[name] = median(row[step] for row in timed)
    return figures


FILES = {"journal": "study.journal", "sqlite": "study.db"}


def main(sizes: Sequence[int], samplers: Sequence[str], storages: Sequence[str]) -> None:
    rows: dict[tuple[str, str], list[float]] = {}
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a folder of our own is made in it
    with tempfile.TemporaryDirectory(dir=memory) as filling, tempfile.TemporaryDirectory() as folder, quiet():
        trials = made_up(max(sizes) + TIMED)
        for storage, file in ((storage, FILES[storage]) for storage in storages):
            filled = open_storage(storage_url(storage, Path(filling)))
            study = open_study(filled, "scale", {"identity": "scale", "recipe": "scale"}, maximise=True)
            done = 0
            for size in sizes:
                study.add_trials(trials[done:size])
                done = size
                copy = shutil.copy(Path(filling) / file, Path(folder) / file)
                rows.setdefault((storage, "bytes per trial"), []).append(Path(copy).stat().st_size / size)
                for name, value in measured(storage_url(storage, Path(folder)), samplers, trials[size:]).items():
                    rows.setdefault((storage, name), []).append(value)
    print_table(sizes, rows)


def print_table(sizes: Sequence[int], rows: dict[tuple[str, str], list[float]]) -> None:
    print(f"{'trials':34}" + "".join(f"{size:>14,}" for size in sizes))
    for (storage, name), values in rows.items():
        cells = (f"{value:,.0f}" if name == "bytes per trial" else f"{1000 * value:,.1f} ms" for value in values)
        print(f"{storage:8}{name:26}" + "".join(f"{cell:>14}" for cell in cells))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What a study costs as it grows.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--samplers", nargs="+", default=["tpe", "random"])
    parser.add_argument("--storages", nargs="+", choices=list(FILES), default=list(FILES))
    chosen = parser.parse_args()
    main(sorted(chosen.sizes), chosen.samplers, chosen.storages)
