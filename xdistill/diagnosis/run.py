"""A diagnosis from start to end: three runs in run folders, which resume, and the figures of their predictions."""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xdistill.crossval.events import Event
from xdistill.crossval.execute import run_prepared
from xdistill.crossval.prepare import Prepared, check_executor, prepare, ready_cohort, splits_of
from xdistill.data import Cohort, Split
from xdistill.diagnosis.diagnosis import Diagnosis
from xdistill.diagnosis.measure import Material, measure
from xdistill.diagnosis.recipes import alone_recipe, cross_fits, imitation_recipe, taught_recipe
from xdistill.diagnosis.verdict import advice_of, verdict_of
from xdistill.errors import SettingsError, UserError
from xdistill.experiment.assemble import assemble
from xdistill.experiment.controls import without_control
from xdistill.experiment.missing import teacher_is_scored, teacher_sees
from xdistill.experiment.plans import Experiment
from xdistill.experiment.unlabelled import labelled_subjects
from xdistill.plugin import Catalog
from xdistill.recipe.load import as_loaded
from xdistill.recipe.loaded import LoadedRecipe
from xdistill.recipe.schema.crossval import Crossval
from xdistill.runs import load_run


@dataclass(frozen=True)
class Diagnosed(Event):
    """The last event of a diagnosis.

    Attributes:
        diagnosis: what was found.
    """

    diagnosis: Diagnosis


def diagnose(
    loaded: LoadedRecipe, catalog: Catalog, *, runs: Path, cache: Path | None = None, quick: bool = False
) -> Generator[Event, None, None]:
    """Diagnose a recipe, or resume where its diagnosis stopped.

    Args:
        loaded: the recipe.
        catalog: what it may name.
        runs: folder of all runs.
        cache: folder of the cohort caches; None: the user's cache folder.
        quick: fewer epochs and folds.

    Yields:
        Events of the runs; the last is `Diagnosed`.

    Raises:
        XdistillError: finished folds are kept.
    """
    experiment = assemble(without_control(loaded), catalog)
    task = experiment.data.build().schema().task
    plain = [make(experiment, task, quick=quick) for make in (alone_recipe, imitation_recipe, taught_recipe)]
    recipes = [as_loaded(recipe) for recipe in plain if recipe is not None]
    experiments = [assemble(recipe, catalog) for recipe in recipes]
    check_executor(experiments[0])
    cohort = yield from ready_cohort(experiment, cache)
    tested = _tested_once(experiment, cohort)
    within = [subject for subject in cohort.subjects if subject not in tested] if tested else None
    prepared = [
        prepare(recipe, one, catalog, cohort, runs, within=within)
        for recipe, one in zip(recipes, experiments, strict=True)
    ]
    _check_teacher(experiment, cohort, prepared[0])
    for run in prepared:
        yield from _run(run, experiment)
    figures = measure(_material(prepared, cohort, experiment.recipe.crossval, tested))
    verdict = verdict_of(figures, quick=quick)
    advice = advice_of(figures, verdict, cross_fitted=cross_fits(experiment), quick=quick)
    folders = tuple(str(run.folder.path) for run in prepared)
    yield Diagnosed(Diagnosis(experiment.recipe.name, verdict, advice, figures, quick, folders))


def _run(run: Prepared, experiment: Experiment) -> Generator[Event, None, None]:
    """One of the runs; a callback that needs both networks in one stage is named."""
    try:
        yield from run_prepared(run)
    except SettingsError as error:
        if not experiment.callbacks:
            raise
        raise UserError(
            f"{experiment.recipe.name}: {error}. A diagnosis trains the teacher and the student in separate stages; if "
            f"a callback needs both in one stage, leave the callbacks out with `--set callbacks=[]`"
        ) from error


def _check_teacher(experiment: Experiment, cohort: Cohort, prepared: Prepared) -> None:
    """Before anything is trained: whether the teacher can be compared with the student in every fold."""
    seen = teacher_sees(experiment, cohort)
    for split in prepared.splits:
        if not teacher_is_scored(seen, cohort, [split]):
            raise UserError(
                f"{experiment.recipe.name}: the teacher cannot be scored in {split.where}, where the test subjects "
                f"with all modalities that it reads do not show every class; use `missing: impute`, fewer folds, or "
                f"other splits"
            )


def _tested_once(experiment: Experiment, cohort: Cohort) -> frozenset[str]:
    """The subjects of the test part of an official or other single split, which a diagnosis never reads."""
    if not experiment.recipe.crossval.single:
        return frozenset()
    return frozenset(splits_of(experiment, cohort).fold(0, 0).test)


def _material(prepared: Sequence[Prepared], cohort: Cohort, crossval: Crossval, tested: Collection[str]) -> Material:
    predictions = [load_run(run.folder.path).predictions for run in prepared]
    splits = {(split.repeat, split.fold): split for split in prepared[0].splits}
    task = cohort.schema.task
    patients = dict(zip(cohort.subjects, cohort.patients, strict=True))
    known = {key: cohort.targets[_labelled(prepared[0].experiment, cohort, split)] for key, split in splits.items()}
    return Material(
        alone=predictions[0],
        imitation=predictions[1] if len(predictions) > 1 else None,
        taught=predictions[2] if len(predictions) > 1 else None,
        fingerprint=cohort.fingerprint,
        split_hash=prepared[0].splits.hash,
        train_sizes={key: len(given) for key, given in known.items()},
        patients=patients,
        shares={key: task.constant_prediction(given) for key, given in known.items()},
        tasks={key: task.fitted(given) for key, given in known.items()},
        crossval=crossval,
        single_test=len({patients[subject] for subject in tested}),
    )


def _labelled(experiment: Experiment, cohort: Cohort, split: Split) -> NDArray[np.int64]:
    rows = cohort.rows_of(split.train)
    return rows[labelled_subjects(experiment, cohort, split)[rows]]
