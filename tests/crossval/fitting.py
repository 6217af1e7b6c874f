"""Small recipes with estimators, and one fold of them in this process."""

from __future__ import annotations

from tiny import tiny
from xdistill.crossval.fold import _prepared
from xdistill.data import build_cohort, make_splits, open_cohort
from xdistill.experiment.assemble import assemble
from xdistill.recipe.load import as_loaded
from xdistill.runs import RunFolder
from xdistill.runs.files import write_json

SMALL = {"width": 0.03125, "blocks": 2, "features": 8}
TABLE = {"use": "fitted", "inputs": ["clinical"], "estimator": {"use": "logistic_regression"}}
FEATURES = {
    "name": "features",
    "train": ["student.branches", "student.fc"],
    "epochs": 2,
    "objective": [{"use": "focal", "output": "fc"}],
}
FIT = {"name": "fit", "fit": ["student.head"]}


def on_features(**changes):
    """Vectors learned by two encoders, then logistic regression on them."""
    student = {
        "use": "concat",
        "branches": {phase: {"use": "mri_only", "inputs": [phase], **SMALL} for phase in ("hbp", "pre")},
        "hidden": [4],
        "estimator": {"use": "logistic_regression"},
    }
    recipe = tiny(teacher=None, privileged=None, transforms=[], student=student, stages=[FEATURES, FIT])
    return {**recipe, **changes}


def on_the_table(**changes):
    """Logistic regression on clinical items: nothing is trained by gradient."""
    stages = [{"name": "fit", "fit": ["student.estimator"]}]
    return {**tiny(teacher=None, privileged=None, augment=[], student=TABLE, stages=stages), **changes}


def fold_run(recipe, folder, cache, catalog):
    """A run's first fold; a second one resumes where the first was left."""
    loaded = as_loaded(recipe)
    experiment = assemble(loaded, catalog)
    path = build_cohort(experiment.data, loaded.recipe.cache, directory=cache)
    cohort = open_cohort(path)
    run = RunFolder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    splits = make_splits(
        cohort.subjects,
        cohort.patients,
        cohort.targets,
        cohort.schema.classes,
        loaded.recipe.crossval,
        cohort.fingerprint,
    )
    write_json(run.splits, splits.to_json())
    resolved = experiment.resolved()
    resolved["compute"]["accelerator"] = "cpu"
    payload = {"recipe": resolved, "run": folder, "cohort": path, "repeat": 0, "fold": 0, "identity": "tests"}
    return _prepared(payload, run, "r0-f0")[0]
