"""Small recipes on a cohort in which some patients lack all clinical items, and one fold of them in this process."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tiny import tiny
from xdistill.crossval.fold import _prepared, run_fold
from xdistill.crossval.prepare import Prepared, prepare
from xdistill.data import build_cohort, open_cohort
from xdistill.experiment.assemble import assemble
from xdistill.recipe.load import as_loaded
from xdistill.runs import RunFolder
from xdistill.runs.files import write_json

SUBJECTS, IMAGE_ONLY = 30, 45
DATA = {"use": "hcc_phantom", "subjects": SUBJECTS, "image_only": IMAGE_ONLY, "shape": [8, 16, 16]}


def incomplete(**changes: Any) -> dict[str, Any]:
    """The tiny recipe, one epoch, on thirty patients with and forty-five without clinical items."""
    return tiny(**{"data": DATA, "stages": [{**tiny()["stages"][0], "epochs": 1}], **changes})


_PREPARED: dict[str, Prepared] = {}  # by recipe and cache, since many tests ask for the same


def prepared(recipe, folder, cache, catalog) -> Prepared:
    """A run that is ready, its splits written."""
    key = json.dumps([recipe, str(cache)])
    if key not in _PREPARED:
        loaded = as_loaded(recipe)
        experiment = assemble(loaded, catalog)
        cohort = open_cohort(build_cohort(experiment.data, loaded.recipe.cache, directory=cache))
        _PREPARED[key] = prepare(loaded, experiment, catalog, cohort, Path())
    run = replace(_PREPARED[key], folder=RunFolder(folder / _PREPARED[key].folder.path))
    run.folder.path.mkdir(parents=True, exist_ok=True)
    write_json(run.folder.splits, run.splits.to_json())
    return run


def payload_of(run: Prepared, fold: int = 0) -> dict[str, Any]:
    """What a worker is given."""
    return {
        "recipe": run.resolved,
        "run": str(run.folder.path),
        "cohort": str(run.cohort.path),
        "identity": run.identity,
        "repeat": 0,
        "fold": fold,
    }


def fold_run(recipe, folder, cache, catalog):
    """A run's first fold."""
    run = prepared(recipe, folder, cache, catalog)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xdistill.crossval.fold.load_catalog", lambda: catalog)  # the same, which takes a while to load
        return _prepared(payload_of(run), run.folder, "r0-f0")[0]


def first_fold(recipe, folder, cache, catalog):
    """The folder of a run's first fold."""
    run = prepared(recipe, folder, cache, catalog)
    list(run_fold(payload_of(run)))
    return run.folder.fold("r0-f0")
