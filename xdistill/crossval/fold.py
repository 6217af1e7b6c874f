"""One fold: fit the transforms, train, predict the test subjects, write the fold's folder. Runs in a worker."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import save

from xdistill.crossval.callbacks import WatchedScore
from xdistill.crossval.events import Event, FoldDamaged, FoldFinished
from xdistill.crossval.external import predict_external
from xdistill.crossval.fold_run import FoldRun
from xdistill.crossval.worker_checks import check_files, checked_catalog
from xdistill.data import Cohort, CohortLike, Split, Splits, TrainingView, fit_transforms, open_cohort
from xdistill.distillation.teacher_cache.key import about
from xdistill.distillation.teacher_cache.store import FOLDER, TeacherCache
from xdistill.distributed.fabric import make_fabric
from xdistill.distributed.launch import Rank, devices_and_threads, run_distributed
from xdistill.experiment.assemble import assemble
from xdistill.experiment.context import FoldContext, networks_of_fold
from xdistill.experiment.controls import moved
from xdistill.experiment.missing import (
    FILLING,
    imputed_of_student,
    teacher_is_scored,
    teacher_sees,
    training_subjects,
)
from xdistill.experiment.plans import Experiment
from xdistill.experiment.stages.plans import teaches_alone
from xdistill.experiment.unlabelled import labelled_subjects
from xdistill.interfaces.loss import TrainingFacts
from xdistill.plugin import Catalog, load_catalog
from xdistill.recipe.load import as_loaded
from xdistill.runs import RunFolder, fold_name
from xdistill.runs.files import explained, make_folder, move_folder, read_json, write_json, write_text
from xdistill.runs.folder import EXTERNAL
from xdistill.runs.integrity import seal_fold
from xdistill.stats import FoldPredictions, Predictions, write_predictions
from xdistill.training.checkpoint import Checkpointer, DamagedCheckpointError
from xdistill.training.memory import memory_explained
from xdistill.training.seeds import derive
from xdistill.training.source import Rows, Source
from xdistill.untrusted import CsvWriter

if TYPE_CHECKING:
    from lightning_fabric import Fabric  # takes seconds, which the driver need not spend


def run_fold(payload: Mapping[str, Any]) -> Iterator[Event]:
    """Run one fold.

    Args:
        payload: ``recipe`` (resolved), ``run`` (folder), ``cohort`` (cache file), ``identity`` (of the run),
            ``repeat``, ``fold``; ``driver`` (`driver_facts`), if the driver is another process; ``at_once``, the number
            of folds that are trained at the same time; ``watch`` (a metric):
            adds the student's score on the test subjects to the history after each epoch, for a search whose test
            subjects are training subjects of the outer split; ``external`` (cohort file), if the recipe has an external
            test cohort; and, if several processes train the fold, what `Rank` reads.

    Raises:
        RunError: if this worker cannot see the files of the run.
        PluginError: if its plugins differ from the driver's.
        OutOfMemoryError: with the settings that reduce memory.
    """
    if devices_and_threads(payload)[0] > 1 and Rank.of(payload) is None:
        yield from run_distributed(payload)
        return
    with memory_explained():
        yield from _run_fold(payload)


def _run_fold(payload: Mapping[str, Any]) -> Iterator[Event]:
    folder = RunFolder(Path(payload["run"]))
    name = fold_name(payload["repeat"], payload["fold"])
    others = [Path(payload["external"])] if "external" in payload else []
    check_files(folder.splits, Path(payload["cohort"]), *others, machine=payload.get("driver", {}).get("machine", ""))
    rank = Rank.of(payload)
    if rank is not None and rank.number > 0:
        for _ in _prepared(payload, folder, name)[0].events():
            pass  # the first process reports and writes the same
        return
    with folder.locked(name):
        run, split = _prepared(payload, folder, name)
        try:
            yield from run.events()
        except DamagedCheckpointError as error:
            yield FoldDamaged(name, str(error))
            shutil.rmtree(folder.partial(name), ignore_errors=True)
            run, split = _prepared(payload, folder, name)  # networks as they were before the checkpoint was loaded
            yield from run.events()
        seconds = sum(row["seconds"] for row in run.progress.history)  # also of epochs before an interruption
        facts = {"run": payload["identity"], "seconds": seconds}
        external = predict_external(run.context, Path(payload["external"]), split) if "external" in payload else None
        if "at_once" in payload:
            facts["at_once"] = payload["at_once"]
        _write(folder, run, split, facts, external)
        yield FoldFinished(name, seconds)


def _prepared(payload: Mapping[str, Any], folder: RunFolder, name: str) -> tuple[FoldRun, Split]:
    catalog = checked_catalog(payload["driver"]) if "driver" in payload else load_catalog()
    experiment = assemble(as_loaded(payload["recipe"]), catalog)
    cohort = open_cohort(Path(payload["cohort"]))
    split = Splits.from_json(read_json(folder.splits)).fold(payload["repeat"], payload["fold"])
    context = make_context(experiment, cohort, split, name, rank=Rank.of(payload))
    checkpointer = Checkpointer(folder.partial(name) / "checkpoint.pt", payload["identity"])
    cache = _teacher_cache(experiment, catalog, cohort, split, context.fabric)
    watch = None
    if payload.get("watch"):
        watch = WatchedScore(context, _rows(cohort, split.test), experiment.metric(payload["watch"]))
    return FoldRun(context, checkpointer, cache=cache, watch=watch), split


def make_context(
    experiment: Experiment, cohort: CohortLike, split: Split, name: str, *, rank: Rank | None = None
) -> FoldContext:
    """Fit the transforms and build the networks of a fold.

    Args:
        experiment: what to run.
        cohort: the cohort.
        split: the fold's subjects.
        name: of the fold.
        rank: of this process, if several train the fold together.
    """
    recipe = experiment.recipe
    learning = training_subjects(experiment, cohort, split.train)
    view = TrainingView(cohort, split, learning)
    imputed = imputed_of_student(experiment, cohort.schema)
    training = _rows(cohort, learning)
    labelled = labelled_subjects(experiment, cohort, split)
    targets = cohort.targets[training[labelled[training]]]
    transforms = fit_transforms(experiment.transforms, view, targets, imputed=imputed)
    fabric = make_fabric(recipe.compute, rank)
    seed = derive(recipe.seed, "fold", split.repeat, split.fold)
    networks = networks_of_fold(experiment.networks, transforms.schema, fabric, recipe, seed=seed)
    source = Source(
        cohort,
        transforms,
        experiment.modalities,
        memory_mb=recipe.loader.memory_mb,
        filled=(*imputed, *(experiment.privileged if recipe.missing.use in FILLING else ())),
        moved=moved(experiment, cohort, training, seed=seed),
        labelled=labelled,
    )
    return FoldContext(
        experiment=experiment,
        name=name,
        seed=seed,
        networks=networks,
        source=source,
        training=training,
        validation=_rows(cohort, split.validation),
        facts=TrainingFacts.of(transforms.schema, targets),
        fabric=fabric,
        taught=teacher_sees(experiment, cohort),
        labelled=labelled,
    )


def _teacher_cache(
    experiment: Experiment, catalog: Catalog, cohort: Cohort, split: Split, fabric: Fabric
) -> TeacherCache | None:
    """The teacher cache next to the cohort file; None if it is off, of no use, or several processes train."""
    settings = experiment.recipe.teacher_cache
    if settings.use == "off" or fabric.world_size > 1 or not any(map(teaches_alone, experiment.schedule)):
        return None
    return TeacherCache(
        cohort.path.parent / FOLDER,
        about(experiment, catalog, cohort, split),
        disk_mb=settings.disk_mb,
    )


def _rows(cohort: CohortLike, subjects: tuple[str, ...]) -> Rows:
    return np.asarray(cohort.rows_of(subjects), dtype=np.int64)


def _write(
    folder: RunFolder, run: FoldRun, split: Split, facts: Mapping[str, Any], external: FoldPredictions | None
) -> None:
    """Write the fold's folder next to its final path, its checksums last, and move it there whole."""
    context, progress, name = run.context, run.progress, split.name
    target = folder.partial(name).with_suffix(".finished")
    shutil.rmtree(target, ignore_errors=True)
    make_folder(target)
    cohort = context.source.cohort
    folds = []
    for role in sorted(context.networks, key=lambda role: role != "student"):
        _write_tensors(target / f"{role}.safetensors", context.networks[role].state_dict())
        rows = _tested(context, folder, split, role)
        if not len(rows):
            continue
        folds.append(
            FoldPredictions(
                role=role,
                repeat=split.repeat,
                fold=split.fold,
                subjects=tuple(cohort.subjects[row] for row in rows),
                target=context.targets(rows),
                probabilities=context.predict(role, rows),
            )
        )
    with explained(target):
        write_predictions(target / "predictions.csv", Predictions(cohort.schema.task, tuple(folds)))
        if external is not None:
            write_predictions(target / EXTERNAL, Predictions(cohort.schema.task, (external,)))
    if progress.losses:
        _write_tensors(target / "losses.safetensors", progress.losses)
    write_text(target / "history.csv", _history(progress.history))
    write_json(target / "transforms.json", context.source.transforms.state())
    parameters = {
        role: sum(parameter.numel() for parameter in network.parameters()) for role, network in context.networks.items()
    }
    fold = {"repeat": split.repeat, "fold": split.fold, **facts, "parameters": parameters}
    if progress.reused:
        fold["reused"] = progress.reused
    write_json(target / "fold.json", fold)
    seal_fold(target)
    shutil.rmtree(folder.fold(name), ignore_errors=True)
    move_folder(target, folder.fold(name))
    shutil.rmtree(folder.partial(name), ignore_errors=True)


def _tested(context: FoldContext, folder: RunFolder, split: Split, role: str) -> Rows:
    """The test subjects of a network: all of them, except for a teacher that is not given incomplete subjects."""
    cohort = context.source.cohort
    rows = _rows(cohort, split.test)
    if role != "teacher" or context.taught.all():
        return rows
    scored = teacher_is_scored(context.taught, cohort, Splits.from_json(read_json(folder.splits)))
    return rows[context.taught[rows]] if scored else rows[:0]


def _write_tensors(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write weights, shared ones once per name; as bytes, because safetensors hides why a file cannot be written."""
    data = save({name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()})
    with explained(path):
        path.write_bytes(data)


def _history(rows: list[dict[str, Any]]) -> str:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO()
    writer = CsvWriter(text)
    writer.writerow(columns)
    writer.writerows([row.get(column, "") for column in columns] for row in rows)
    return text.getvalue()
