"""Studies of a search: one made in a moment, copied into a database, and read as a search reads it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import optuna

from xdistill.tuning.search.sampling import quiet
from xdistill.tuning.storage.open import open_storage, open_study, reached, storage_url
from xdistill.tuning.storage.sums import owner_of
from xdistill.tuning.storage.trials import end_trial, trials_by_state


def studies_of(path: Path) -> list[Any]:
    """What a search reads of the studies in a file: who made them, and the trials that count."""
    url = storage_url(str(path), path.parent)
    with quiet():
        storage = open_storage(url)
        with reached(url):
            names = sorted(optuna.get_all_study_names(storage))
            studies = [optuna.load_study(study_name=name, storage=storage) for name in names]
            trials = [[_said(trial) for trial in trials_by_state(study).counted] for study in studies]
            return [names, [owner_of(study) for study in studies], trials]


def journal() -> bytes:
    """A journal with one study of two trials."""
    with TemporaryDirectory() as folder, quiet():
        path = Path(folder, "study.journal")
        study = open_study(open_storage(str(path)), "a", {"identity": "1", "recipe": "r"}, maximise=True)
        for value in (0.5, 0.75):
            trial = study.ask()
            trial.suggest_float("x", 0, 1)
            trial.report(value, 1)
            end_trial(study, trial, value=value, scores=[value], reason="")
        return path.read_bytes()


def as_database(source: Path, target: Path) -> Path:
    """A copy of the studies of a journal in SQLite."""
    with quiet():
        before, after = (open_storage(storage_url(str(path), path.parent)) for path in (source, target))
        for name in optuna.get_all_study_names(before):
            optuna.copy_study(from_study_name=name, from_storage=before, to_storage=after)
    return target


def _said(trial: optuna.trial.FrozenTrial) -> tuple[Any, ...]:
    ranges = {name: repr(one) for name, one in trial.distributions.items()}
    return trial.number, trial.params, trial.value, trial.state, ranges, trial.intermediate_values
