"""Trains the student for use on new subjects: on all subjects, or the networks of all folds as an ensemble."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from xdistill.crossval.events import Event, RunStarted
from xdistill.crossval.execute import run_prepared
from xdistill.crossval.fold import make_context
from xdistill.crossval.fold_run import FoldRun
from xdistill.crossval.prepare import Prepared, check_executor, prepare, ready_cohort, ready_external
from xdistill.data import Cohort, Split
from xdistill.data.splitting import training_split
from xdistill.deployment.card import model_card
from xdistill.deployment.spread import spread_in
from xdistill.errors import UserError
from xdistill.experiment.assemble import assemble
from xdistill.experiment.plans import Experiment
from xdistill.experiment.stages.plans import TrainPlan
from xdistill.models.calibration import Calibration, Intervals
from xdistill.models.describe import describe_student
from xdistill.models.ensemble import Member
from xdistill.models.load import model_of_run
from xdistill.models.model import StudentModel
from xdistill.models.restore import network_of, reader_of, transforms_of
from xdistill.models.save import check_target, save_model
from xdistill.models.training_facts import training_facts
from xdistill.plugin import Catalog
from xdistill.recipe.load import as_loaded
from xdistill.recipe.loaded import LoadedRecipe
from xdistill.recipe.schema.crossval import Crossval
from xdistill.runs import Run, load_run
from xdistill.training.checkpoint import Checkpointer
from xdistill.training.memory import memory_explained

NAME = "fit"  # of the member that is trained on all subjects


@dataclass(frozen=True)
class ModelWritten(Event):
    """The model folder is complete.

    Attributes:
        path: of the folder.
        run: folder of the cross-validation; empty if there was none.
    """

    path: str
    run: str


def fit(
    loaded: LoadedRecipe,
    catalog: Catalog,
    *,
    to: Path,
    runs: Path,
    cache: Path | None = None,
    ensemble: bool = False,
    crossval: bool = True,
) -> Generator[Event, None, None]:
    """Cross-validate a recipe, train its student on all subjects, calibrate it, and write a model folder.

    An interrupted fit is resumed: finished folds and the last checkpoint are kept.

    Args:
        loaded: the recipe.
        catalog: what it may name.
        to: the model folder.
        runs: folder of all runs; a finished run of the recipe is taken as it is.
        cache: folder of the cohort caches; None: the user's cache folder.
        ensemble: the networks of all folds as one model, in place of one that is trained on all subjects.
        crossval: False: train on all subjects at once; the model is then not calibrated, and its scores are unknown.

    Yields:
        Events; the last is `ModelWritten`.

    Raises:
        XdistillError: nothing is written to ``to``.
    """
    check_target(to)
    if ensemble and not crossval:
        raise UserError("an ensemble is made of the folds of a cross-validation; leave out `crossval=False`")
    experiment = assemble(loaded, catalog)
    if experiment.recipe.control is not None:
        raise UserError(f"the recipe is the null control {experiment.recipe.control!r}; fit the recipe itself")
    check_executor(experiment)
    cohort = yield from ready_cohort(experiment, cache)
    external = yield from ready_external(experiment, cache)
    prepared = prepare(loaded, experiment, catalog, cohort, runs, external=external)
    run = None
    if crossval:
        yield from run_prepared(prepared)
        run = load_run(prepared.folder.path, {choice.use: choice.build() for choice in experiment.metrics})
    folds = None if run is None else model_of_run(run.path, catalog)
    model = folds if ensemble and folds is not None else (yield from _refit(prepared, catalog, run, to))
    facts = training_facts(cohort, cohort.rows_of(_everyone(prepared).train), model.inputs, run)
    calibration = _calibration(prepared, run, model, folds)
    intervals = None if run is None else Intervals.of_run(run)
    model = StudentModel(model.config, model.members, calibration, facts, model.reader, intervals=intervals)
    save_model(model, to, card=model_card(model, run))
    shutil.rmtree(_partial(to), ignore_errors=True)
    yield ModelWritten(str(to), "" if run is None else str(run.path))


def _refit(prepared: Prepared, catalog: Catalog, run: Run | None, to: Path) -> Generator[Event, None, StudentModel]:
    """Train on all subjects, with as many epochs as the folds found best."""
    cohort = prepared.cohort
    experiment = _with_epochs(prepared, catalog, run)
    split = _everyone(prepared)
    yield RunStarted(
        path=str(to),
        folds=(NAME,),
        finished=(),
        epochs=experiment.epochs,
        jobs=1,
        threads=experiment.recipe.compute.threads,
    )
    with memory_explained():
        fold = _trained(experiment, cohort, split, Checkpointer(_partial(to) / "checkpoint.pt", prepared.identity))
        yield from fold.events()
    context = fold.context
    config = describe_student(
        experiment,
        cohort,
        versions=prepared.versions,
        title=cohort.facts.title,
        synthetic=cohort.facts.synthetic,
    )
    transforms = transforms_of(config, catalog, context.source.transforms.state())
    weights = {name: value.cpu() for name, value in context.networks["student"].state_dict().items()}
    network = network_of(config, catalog, transforms.schema, weights)
    return StudentModel(config, (Member(NAME, network, transforms),), reader=reader_of(config, catalog))


def _calibration(
    prepared: Prepared, run: Run | None, model: StudentModel, folds: StudentModel | None
) -> Calibration | None:
    """Fitted on out-of-fold predictions, as much spread as those of the model itself."""
    if run is None or folds is None or folds.calibration is None:
        return None
    return Calibration.of_run(run, spread=spread_in(prepared.cohort, tuple(prepared.splits), model, folds))


def _everyone(prepared: Prepared) -> Split:
    """All subjects for training, but for the test part of an official or other single split."""
    cohort, crossval = prepared.cohort, prepared.experiment.recipe.crossval
    if crossval.single:
        official = prepared.splits.fold(0, 0)
        return Split(0, 0, (*official.train, *official.validation), (), ())
    settings = Crossval(stratify=crossval.stratify, seed=crossval.seed)
    task, labelled = cohort.schema.task, cohort.labelled
    return training_split(cohort.subjects, cohort.patients, cohort.targets, task, settings, labelled=labelled)


def _trained(experiment: Experiment, cohort: Cohort, split: Split, checkpointer: Checkpointer) -> FoldRun:
    return FoldRun(make_context(experiment, cohort, split, NAME), checkpointer)


def _with_epochs(prepared: Prepared, catalog: Catalog, run: Run | None) -> Experiment:
    """The experiment, whose last stage has as many epochs as were best in the folds, in the median."""
    experiment = prepared.experiment
    stage = experiment.schedule[-1]
    if run is None or not any(split.validation for split in prepared.splits) or not isinstance(stage, TrainPlan):
        return experiment
    best: dict[str, tuple[float, int]] = {}
    for row in run.history:
        loss = row.values.get("validation_log_loss")
        if row.stage == stage.name and loss is not None:
            best[row.fold] = min(best.get(row.fold, (loss, row.epoch)), (loss, row.epoch))
    if not best:
        return experiment
    epochs = max(1, round(median(epoch for _, epoch in best.values())))
    changes = {f"stages.{stage.name}.epochs": epochs}
    return assemble(as_loaded(_plain(prepared.resolved), overrides=changes), catalog)


def _plain(resolved: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in resolved.items() if name != "tune"}


def _partial(to: Path) -> Path:
    return to.with_name(f".{to.name}.partial")
