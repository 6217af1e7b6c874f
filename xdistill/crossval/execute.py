"""A run from start to end: cohort, splits, folds, record. Yields events; the results are on disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Generator
from contextlib import ExitStack, closing
from pathlib import Path

from xdistill.crossval.damage import discard_damaged, is_finished
from xdistill.crossval.events import (
    Event,
    FoldRestarted,
    RunAwaited,
    RunFinished,
    RunStarted,
)
from xdistill.crossval.external import write_external
from xdistill.crossval.finished import finished_run
from xdistill.crossval.prepare import Prepared, check_executor, prepare, ready_cohort, ready_external
from xdistill.crossval.record import record_of
from xdistill.crossval.tracking import Tracking
from xdistill.distributed.fabric import accelerators
from xdistill.distributed.launch import DISTRIBUTED_FUNCTION, FOLD_FUNCTION
from xdistill.errors import BusyRunError, RunError
from xdistill.experiment.assemble import assemble
from xdistill.interfaces.executor import Job
from xdistill.interfaces.tracker import TrackedRun
from xdistill.plugin import Catalog
from xdistill.recipe.loaded import LoadedRecipe
from xdistill.runs import Run, fold_name, load_run, run_name
from xdistill.runs.external import PATIENTS, external_summary
from xdistill.runs.files import explained, write_json, written_whole
from xdistill.runs.folder import LOCK_PATIENCE
from xdistill.runs.integrity import check_fold, seal_run
from xdistill.runs.temporary import sweep_run
from xdistill.stats import Predictions, write_predictions


def execute(
    loaded: LoadedRecipe, catalog: Catalog, *, runs: Path, cache: Path | None = None, fresh: bool = False
) -> Generator[Event, None, None]:
    """Run a recipe, or resume the same run where it stopped.

    Args:
        loaded: the recipe.
        catalog: what it may name.
        runs: folder of all runs.
        cache: folder of the cohort caches; None: the user's cache folder.
        fresh: start from scratch.

    Yields:
        Events; the last is `RunFinished`, with the folder that `load_run` reads.

    Raises:
        XdistillError: finished folds are kept.
    """
    experiment = assemble(loaded, catalog)
    check_executor(experiment)
    cohort = yield from ready_cohort(experiment, cache)
    external = yield from ready_external(experiment, cache)
    finished = None if fresh else finished_run(experiment, catalog, cohort, runs, external)
    if finished is not None:
        yield RunFinished(str(finished))
        return
    yield from run_prepared(prepare(loaded, experiment, catalog, cohort, runs, external=external), fresh=fresh)


def run_prepared(
    prepared: Prepared, *, fresh: bool | Callable[[], bool] = False, patience: float = LOCK_PATIENCE
) -> Generator[Event, None, None]:
    """Train and test the folds that are not finished, and close the record; see `execute`.

    Args:
        prepared: the run.
        fresh: start from scratch; a callable is called once this process holds the lock of the run.
        patience: seconds to wait for another process that works on this run.
    """
    folder = prepared.folder
    with ExitStack() as lock:
        try:
            lock.enter_context(folder.locked(patience=0))
        except BusyRunError:
            yield RunAwaited(str(folder.path), folder.at_work(prepared.folds))
            lock.enter_context(folder.locked(patience=patience))
        if fresh() if callable(fresh) else fresh:
            with explained(folder.path):
                shutil.rmtree(folder.path / "folds")
            for path in (folder.checksums, folder.record, folder.predictions, folder.external, folder.report):
                path.unlink(missing_ok=True)
        sweep_run(folder.path)
        yield from discard_damaged(prepared)
        if (yield from is_finished(prepared)):
            yield RunFinished(str(folder.path))
            return
        tracking = Tracking(prepared.experiment.trackers, tracked_run(prepared))
        with closing(tracking):
            yield from tracking.start()
            with closing(train_folds(prepared)) as events:  # an error in a listener ends the workers
                for event in events:
                    yield event
                    yield from tracking.log(event)
            yield from tracking.finish(finish(prepared).summary)
        sweep_run(folder.path)
    yield RunFinished(str(folder.path))


def tracked_run(prepared: Prepared) -> TrackedRun:
    """The facts of a run that trackers get; a null control has its own name."""
    facts = prepared.cohort.facts
    return TrackedRun(
        name=run_name(prepared.resolved),
        identity=prepared.identity,
        folder=prepared.folder.path.resolve(),
        recipe=prepared.public,
        facts={"cohort": facts.title, "synthetic": str(facts.synthetic).lower(), **prepared.versions},
    )


def _unlabelled(prepared: Prepared) -> dict[str, list[str]]:
    """The subjects without a label, which comparisons of runs do not count; nothing if all have one."""
    cohort = prepared.cohort
    without = [subject for subject, known in zip(cohort.subjects, cohort.labelled, strict=True) if not known]
    return {"unlabelled": without} if without else {}


def _patients(prepared: Prepared) -> dict[str, dict[str, str]]:
    """The patient of each subject, for comparisons of runs; nothing if every subject is a different patient."""
    cohorts = {"patients": prepared.cohort, PATIENTS: prepared.external}
    return {
        name: dict(zip(cohort.subjects, cohort.patients, strict=True))
        for name, cohort in cohorts.items()
        if cohort is not None and len(set(cohort.patients)) < len(cohort.patients)
    }


def train_folds(prepared: Prepared, only: Collection[str] | None = None) -> Generator[Event, None, None]:
    """Train and test the folds that are not finished.

    Args:
        prepared: the run.
        only: names of the folds; None: all.
    """
    folder = prepared.folder
    folder.checksums.unlink(missing_ok=True)
    write_json(folder.splits, prepared.splits.to_json() | _patients(prepared) | _unlabelled(prepared))
    write_json(folder.record, record_of(prepared, status="running"))
    finished = tuple(name for name in prepared.folds if folder.finished(name))
    compute = prepared.experiment.recipe.compute
    jobs = [
        Job(
            name=fold_name(split.repeat, split.fold),
            payload={
                "recipe": prepared.recipes.get(fold_name(split.repeat, split.fold), prepared.resolved),
                "run": str(folder.path.resolve()),
                "cohort": str(prepared.cohort.path.resolve()),
                "identity": prepared.identity,
                **({} if prepared.external is None else {"external": str(prepared.external.path.resolve())}),
                "driver": prepared.facts,
                "repeat": split.repeat,
                "fold": split.fold,
            },
            cpus=compute.threads * compute.devices,
            gpus=accelerators(compute),
        )
        for split in prepared.splits
        if fold_name(split.repeat, split.fold) not in finished and (only is None or split.name in only)
    ]
    executor = prepared.experiment.executor.build()
    at_once = executor.workers(jobs)
    for job in jobs:
        job.payload["at_once"] = at_once
    yield RunStarted(
        path=str(folder.path),
        folds=prepared.folds,
        finished=finished,
        epochs=prepared.experiment.epochs,
        jobs=at_once,
        threads=compute.threads,
    )
    for event in executor.run(FOLD_FUNCTION if compute.devices == 1 else DISTRIBUTED_FUNCTION, jobs):
        if event.kind == "failed":
            raise event.value
        if event.kind == "restarted":
            yield FoldRestarted(event.job, str(event.value))
        elif event.kind == "event":
            yield event.value
        elif event.kind == "done":
            folder.await_finished(event.job)


def finish(prepared: Prepared) -> Run:
    """Gather the folds' predictions and close the record.

    Raises:
        RunError: if a fold was damaged since it was trained; names the file.
    """
    folder, task = prepared.folder, prepared.cohort.schema.task
    try:
        parts = [check_fold(folder, split, run=prepared.identity, task=task) for split in prepared.splits]
    except RunError as error:
        raise RunError(f"{error}; rerun the command to train the fold again") from error
    roles = sorted({fold.role for part in parts for fold in part.folds}, key=lambda role: role != "student")
    folds = tuple(fold for role in roles for part in parts for fold in part.folds if fold.role == role)
    with written_whole(folder.predictions) as temporary:
        write_predictions(temporary, Predictions(task, folds))
    if prepared.external is not None:
        write_external(prepared.cohort.schema, folder, prepared.splits)
    record = record_of(prepared, status="finished")
    for name in prepared.folds:  # a kill between moving a fold into place and this would leave its checkpoint
        shutil.rmtree(folder.partial(name), ignore_errors=True)
    extra = {choice.use: choice.build() for choice in prepared.experiment.metrics}
    run = Run(folder.path, record, extra)
    record["summary"] = run.summary
    if prepared.external is not None:
        record["external"]["summary"] = external_summary(run)
    seal_run(folder, record, prepared.folds)
    return load_run(folder.path, extra)
