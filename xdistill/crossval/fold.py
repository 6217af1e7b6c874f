"""One fold: fit the transforms, train, score the test subjects, leave a folder behind. Runs in a worker."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from safetensors.torch import save

from xdistill.crossval.events import Event, FoldFinished
from xdistill.crossval.worker_checks import check_files, checked_catalog
from xdistill.data import Cohort, Split, Splits, TrainingView, fit_transforms, open_cohort
from xdistill.distillation.teacher_cache.key import about
from xdistill.distillation.teacher_cache.store import FOLDER, TeacherCache
from xdistill.distributed.fabric import make_fabric
from xdistill.distributed.launch import Rank, devices_and_threads, run_together
from xdistill.experiment.assemble import assemble
from xdistill.experiment.controls import moved
from xdistill.experiment.missing import FILLING, teacher_is_scored, teacher_sees, training_subjects
from xdistill.experiment.networks import build_networks
from xdistill.experiment.plans import Experiment
from xdistill.interfaces.loss import TrainingFacts
from xdistill.interfaces.network import Network
from xdistill.plugin import Catalog, load_catalog
from xdistill.recipe.load import as_loaded
from xdistill.runs import RunFolder, fold_name
from xdistill.runs.files import explained, make_folder, move_folder, read_json, write_json, write_text
from xdistill.stats import FoldPredictions, Predictions, write_predictions
from xdistill.training.checkpoint import Checkpointer
from xdistill.training.evaluate import EVALUATION_BATCH, WATCHED, metric_of, predict
from xdistill.training.loader import Rows, Source, channels_last
from xdistill.training.memory import memory_explained
from xdistill.training.seeds import derive
from xdistill.training.train import Trainer


def run_fold(payload: Mapping[str, Any]) -> Iterator[Event]:
    """Run one fold.

    Args:
        payload: ``recipe`` (resolved), ``run`` (folder), ``cohort`` (cache file), ``identity`` (of the run),
            ``repeat``, ``fold``; ``driver`` (what `driver_facts` says there), where the driver is another process;
            ``watch`` (a metric): put the student's score on the test subjects into the history after each epoch, for a
            search whose test subjects are themselves training subjects; and, where the fold is computed together, what
            `Rank` reads.

    Raises:
        RunError: when this worker does not see the files of the run.
        PluginError: when it has not what the driver has.
        OutOfMemoryError: with the settings that lower the need.
    """
    if devices_and_threads(payload)[0] > 1 and Rank.of(payload) is None:
        yield from run_together(payload)
        return
    with memory_explained():
        yield from _run_fold(payload)


def _run_fold(payload: Mapping[str, Any]) -> Iterator[Event]:
    folder = RunFolder(Path(payload["run"]))
    name = fold_name(payload["repeat"], payload["fold"])
    check_files(folder.splits, Path(payload["cohort"]))
    rank = Rank.of(payload)
    if rank is not None and rank.number > 0:
        for _ in _trainer(payload, folder, name)[0].run():
            pass  # the first process says and writes the same
        return
    with folder.locked(name):
        trainer, split = _trainer(payload, folder, name)
        yield from trainer.run()
        seconds = sum(row["seconds"] for row in trainer.history)  # also of epochs before an interruption
        _leave(folder, name, trainer, split, seconds)
        yield FoldFinished(name, seconds)


def _trainer(payload: Mapping[str, Any], folder: RunFolder, name: str) -> tuple[Trainer, Split]:
    catalog = checked_catalog(payload["driver"]) if "driver" in payload else load_catalog()
    experiment = assemble(as_loaded(payload["recipe"]), catalog)
    recipe = experiment.recipe
    cohort = open_cohort(Path(payload["cohort"]))
    splits = Splits.from_json(read_json(folder.splits))
    split = splits.fold(payload["repeat"], payload["fold"])
    learning = training_subjects(experiment, cohort, split.train)
    view = TrainingView(cohort, split, learning)
    transforms = fit_transforms(experiment.transforms, view)
    fabric = make_fabric(recipe.compute, Rank.of(payload))
    seed = derive(recipe.seed, "fold", split.repeat, split.fold)
    networks = build_networks(experiment.networks, transforms.schema, seed=seed)
    for network in networks.values():
        network.to(fabric.device)
        if recipe.compute.channels_last and fabric.device.type != "cpu":
            _channels_last(network)  # on a processor the images' layout decides, and weights are faster as they are
    checkpointer = Checkpointer(folder.partial(name) / "checkpoint.pt", payload["identity"])
    counts = np.bincount(view.targets, minlength=len(cohort.schema.classes))
    training = _rows(cohort, learning)
    trainer = Trainer(
        experiment=experiment,
        networks=networks,
        source=Source(
            cohort,
            transforms,
            experiment.modalities,
            memory_mb=recipe.loader.memory_mb,
            filled=experiment.privileged if recipe.missing.use in FILLING else (),
            moved=moved(experiment, cohort, training, seed=seed),
        ),
        training=training,
        validation=_rows(cohort, split.validation),
        facts=TrainingFacts(transforms.schema, tuple(int(count) for count in counts)),
        fabric=fabric,
        checkpointer=checkpointer,
        fold=name,
        seed=seed,
        seen=teacher_sees(experiment, cohort),
        cache=_teacher_cache(experiment, catalog, cohort, split, fabric),
        watch=partial(_watched, split.test, payload["watch"]) if payload.get("watch") else None,
    )
    return trainer, split


def _teacher_cache(
    experiment: Experiment, catalog: Catalog, cohort: Cohort, split: Split, fabric: Fabric
) -> TeacherCache | None:
    """Where teachers are kept: beside the cohort file; nowhere for one teacher spread over several processes."""
    settings = experiment.recipe.teacher_cache
    if settings.use == "off" or "teacher" not in experiment.networks or fabric.world_size > 1:
        return None
    return TeacherCache(
        cohort.path.parent / FOLDER,
        about(experiment, catalog, cohort, split),
        outputs_mb=settings.outputs_mb,
        disk_mb=settings.disk_mb,
    )


def _watched(subjects: tuple[str, ...], metric: str, trainer: Trainer) -> dict[str, float]:
    """The student's score on some subjects, as it is now."""
    cohort, rows = trainer.source.cohort, _rows(trainer.source.cohort, subjects)
    probabilities = predict(
        trainer.networks["student"],
        trainer.source,
        rows,
        fabric=trainer.fabric,
        batch_size=EVALUATION_BATCH,
        prepare=trainer.prepare,
    )
    score = metric_of(metric, trainer.experiment)
    return {WATCHED: score(np.asarray(cohort.targets)[rows], probabilities, cohort.schema.classes)}


def _channels_last(network: Network) -> None:
    """Keep the weights of convolutions as channels-last, as the images are."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.data = channels_last(parameter.data)


def _rows(cohort: Cohort, subjects: tuple[str, ...]) -> Rows:
    return np.asarray(cohort.rows_of(subjects), dtype=np.int64)


def _leave(folder: RunFolder, name: str, trainer: Trainer, split: Split, seconds: float) -> None:
    """Write the fold's folder beside its place and move it there whole."""
    target = folder.partial(name).with_suffix(".finished")
    shutil.rmtree(target, ignore_errors=True)
    make_folder(target)
    cohort = trainer.source.cohort
    folds = []
    for role in sorted(trainer.networks, key=lambda role: role != "student"):
        network = trainer.networks[role]
        _write_tensors(target / f"{role}.safetensors", network.state_dict())
        rows = _tested(trainer, folder, split, role)
        if not len(rows):
            continue
        probabilities = predict(
            network,
            trainer.source,
            rows,
            fabric=trainer.fabric,
            batch_size=EVALUATION_BATCH,
            prepare=trainer.prepare,
        )
        folds.append(
            FoldPredictions(
                role=role,
                repeat=split.repeat,
                fold=split.fold,
                subjects=tuple(cohort.subjects[row] for row in rows),
                target=np.asarray(cohort.targets)[rows],
                probabilities=probabilities,
            )
        )
    with explained(target):
        write_predictions(target / "predictions.csv", Predictions(cohort.schema.classes, tuple(folds)))
    if trainer.losses:
        _write_tensors(target / "losses.safetensors", trainer.losses)
    write_text(target / "history.csv", _history(trainer.history))
    write_json(target / "transforms.json", trainer.source.transforms.state())
    parameters = {
        role: sum(parameter.numel() for parameter in network.parameters()) for role, network in trainer.networks.items()
    }
    fold = {"repeat": split.repeat, "fold": split.fold, "seconds": seconds, "parameters": parameters}
    if trainer.reused:
        fold["reused"] = trainer.reused
    write_json(target / "fold.json", fold)
    shutil.rmtree(folder.fold(name), ignore_errors=True)
    move_folder(target, folder.fold(name))
    shutil.rmtree(folder.partial(name), ignore_errors=True)


def _tested(trainer: Trainer, folder: RunFolder, split: Split, role: str) -> Rows:
    """The test subjects that a network scores: everyone, but for a teacher that does without incomplete subjects."""
    cohort = trainer.source.cohort
    rows = _rows(cohort, split.test)
    if role != "teacher" or trainer.seen is None or trainer.seen.all():
        return rows
    scored = teacher_is_scored(trainer.seen, cohort, Splits.from_json(read_json(folder.splits)))
    return rows[trainer.seen[rows]] if scored else rows[:0]


def _write_tensors(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write weights, shared ones once for each name; as bytes, since safetensors hides why a file cannot be written."""
    data = save({name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()})
    with explained(path):
        path.write_bytes(data)


def _history(rows: list[dict[str, Any]]) -> str:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
