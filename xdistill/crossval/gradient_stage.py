"""A stage of training by gradient."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from xdistill.crossval.events import Event
from xdistill.crossval.thrifty import ThriftyBatches
from xdistill.distillation.controls import stand_ins
from xdistill.distillation.frozen_teacher import remembering
from xdistill.distributed.sharding import Together
from xdistill.experiment.networks import output_spec
from xdistill.experiment.plans import TermPlan, TrainPlan
from xdistill.training.apart import Apart, are_apart
from xdistill.training.diagnostics import diagnose
from xdistill.training.forward import Alone, Compiled
from xdistill.training.loader import BatchKey, TrainingBatches, epoch_keys, iterate, where_augmented
from xdistill.training.objective import Objective, Term, build_term
from xdistill.training.prefetch import ahead
from xdistill.training.seeds import derive
from xdistill.training.step import StepModule, Stepper, places_taught, set_modes
from xdistill.types import Batch, OutputSpec
from xdistill.workers import lent_cores

if TYPE_CHECKING:
    from xdistill.training.train import Trainer


def train_stage(
    trainer: Trainer, index: int, stage: TrainPlan, begin: int, state: Mapping[str, Any] | None
) -> Iterator[Event]:
    """Train for the stage's epochs.

    Args:
        trainer: of the fold.
        index: of the stage.
        stage: what it says.
        begin: epochs of it that are done.
        state: the checkpoint after them; None when there are none.
    """
    set_modes(trainer.networks, stage.train)
    networks, terms, figures = stand_ins(trainer, stage)
    specs = _specs(trainer)
    objective = _objective(trainer, stage, terms, specs)
    networks, of_epoch = remembering(trainer, stage, networks, objective, specs)
    compute = _compute(trainer, stage, [networks[role] for role in objective.roles])
    module = StepModule(networks, objective, stage.train, trainer.needs, compute)
    module.to(trainer.fabric.device)
    keys = _keys(trainer, stage, objective)
    stepper = Stepper(trainer.fabric, module, stage, steps=sum(map(len, keys)), place=trainer.fold)
    precision = trainer.fabric.strategy.precision
    if state is not None:
        objective.load_state_dict(state["objective"])
        stepper.optimizer.load_state_dict(state["optimizer"])
        precision.load_state_dict(state["precision"])
    modalities = trainer.facts.schema.modalities
    augmentations = [choice.build(modalities=modalities) for choice in trainer.experiment.augment]
    workers = trainer.experiment.recipe.loader.workers
    device = where_augmented(augmentations, trainer.fabric.device, workers=workers)
    batches = TrainingBatches(trainer.source, augmentations, trainer.dropout(), device)
    for epoch in range(begin + 1, stage.epochs + 1):
        torch.manual_seed(derive(trainer.seed, "epoch", stage.name, epoch))
        done = sum(map(len, keys[: epoch - 1]))
        with of_epoch(keys[epoch - 1]) as remembered:
            thrifty = ThriftyBatches(batches, _unread(trainer, module, remembered=remembered))
            row = _epoch(trainer, stepper, thrifty, keys[epoch - 1], epoch=epoch, done=done) | figures
        if trainer.experiment.recipe.diagnostics and trainer.leads:
            row |= diagnose(trainer, module, batch_size=stage.batch_size)
        if len(trainer.validation) and "student" in module.trained and trainer.leads:
            trainer.validate(row, final=index == len(trainer.experiment.schedule) - 1)
        if trainer.watch is not None and "student" in module.trained and trainer.leads:
            row |= trainer.watch(trainer)
        if epoch == stage.epochs:
            trainer.losses |= {f"{stage.name}.{name}": value for name, value in objective.state_dict().items()}
        yield trainer.end_epoch(
            index,
            row,
            lambda: {
                "objective": objective.state_dict(),
                "optimizer": stepper.optimizer.state_dict(),
                "precision": precision.state_dict(),
            },
        )


def _compute(trainer: Trainer, stage: TrainPlan, networks: Sequence[nn.Module]) -> Alone:
    """How batches are computed: alone, or in shares with the other processes of the fold."""
    if trainer.fabric.world_size > 1:
        return Together(trainer.fabric.device, seed=derive(trainer.seed, "together", stage.name))
    if trainer.experiment.recipe.compute.compile:
        return Compiled()
    return Apart(networks) if trainer.fabric.device.type == "cpu" and are_apart(networks) else Alone()


def _specs(trainer: Trainer) -> dict[str, OutputSpec]:
    device = str(trainer.fabric.device)
    return {
        role: output_spec(network, trainer.facts.schema, device=device) for role, network in trainer.networks.items()
    }


def _objective(
    trainer: Trainer, stage: TrainPlan, terms: Sequence[TermPlan | Term], specs: Mapping[str, OutputSpec]
) -> Objective:
    torch.manual_seed(derive(trainer.seed, "losses", stage.name))
    return Objective(
        [
            term if isinstance(term, Term) else build_term(term, specs, trainer.facts_of(term.on or "student"))
            for term in terms
        ]
    )


def _keys(trainer: Trainer, stage: TrainPlan, objective: Objective) -> list[list[BatchKey]]:
    """The batches of every epoch; where every term involves the teacher, of the subjects that it sees."""
    alone = all(term.needs_teacher for term in objective.active)
    rows = trainer.rows_of("teacher") if alone else trainer.training
    mixed = "teacher" in objective.roles and len(trainer.rows_of("teacher")) < len(rows)
    return [
        epoch_keys(
            rows,
            batch_size=stage.batch_size,
            drop_last=trainer.experiment.recipe.loader.drop_last,
            seed=derive(trainer.seed, "batches", stage.name, epoch),
            complete=trainer.seen if mixed else None,
        )
        for epoch in range(1, stage.epochs + 1)
    ]


def _prepared(trainer: Trainer, batches: TrainingBatches, keys: Sequence[BatchKey]) -> Generator[Batch, None, None]:
    """The epoch's batches on their device, each made while the one before is computed where that pays."""
    settings = trainer.experiment.recipe.loader
    made = (trainer.prepare(batch) for batch in iterate(batches, keys, workers=settings.workers))
    somebody_idle = trainer.fabric.device.type != "cpu" or lent_cores() > 0
    wanted = somebody_idle if settings.prefetch is None else settings.prefetch
    return ahead(made) if wanted else made


def _unread(trainer: Trainer, module: StepModule, *, remembered: bool) -> frozenset[str]:
    """The modalities that no network of a stage reads from its batches, where they are made in this process alone.

    Args:
        trainer: of the fold.
        module: networks and objective.
        remembered: whether what the teacher says is found without asking it.
    """
    if trainer.experiment.recipe.loader.workers or trainer.fabric.world_size > 1:
        return frozenset()
    asked = [role for role in module.objective.roles if role != "teacher" or not remembered]
    read = {name for role in asked for name in module.inputs[role]}
    return frozenset(trainer.source.modalities) - read


def _epoch(
    trainer: Trainer, stepper: Stepper, batches: TrainingBatches, keys: Sequence[BatchKey], *, epoch: int, done: int
) -> dict[str, Any]:
    begin = time.monotonic()
    totals: dict[str, Tensor] = {}
    subjects: dict[str, int] = {}
    total, seen, taught = 0.0, 0, 0
    of_teacher = {term.plan.label for term in stepper.module.objective.active if term.needs_teacher}
    with closing(_prepared(trainer, batches, keys)) as prepared:
        for number, batch in enumerate(prepared, start=done):
            value, parts = stepper.step(batch, number, epoch)
            places = places_taught(batch, trainer.needs)
            size, with_teacher = len(batch), len(batch) if places is None else len(places)
            seen += size
            taught += with_teacher if of_teacher else 0
            total += value * size
            for label, part in parts.items():
                share = with_teacher if label in of_teacher else size
                subjects[label] = subjects.get(label, 0) + share
                totals[label] = totals[label] + part * share if label in totals else part * share
    return {
        "stage": stepper.stage.name,
        "epoch": epoch,
        "seconds": time.monotonic() - begin,
        "lr": stepper.optimizer.param_groups[0]["lr"],
        "total": total / seen,
        **{label: float(value) / subjects[label] for label, value in totals.items()},
        **({"taught": taught} if len(trainer.rows_of("teacher")) < len(trainer.training) else {}),
    }
