"""A stage of training by gradient: builds objective, model, batches and trainer from what the recipe says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from xdistill.crossval.callbacks import Figures, StageSeeds, load_state, resumable
from xdistill.distillation.controls import apply_control
from xdistill.distillation.frozen_teacher import FrozenTeacher, fits_memory
from xdistill.distributed.sharding import ShardedForward
from xdistill.experiment.context import FoldContext
from xdistill.experiment.networks import build_term
from xdistill.experiment.stages.plans import TermPlan, TrainPlan, teaches
from xdistill.interfaces.callback import Callback
from xdistill.recipe.schema.recipe import TermOptimizer
from xdistill.training.forward import Compiled, Forward
from xdistill.training.loader import BatchKey, TrainingBatches, augmentation_device, epoch_keys, iterate
from xdistill.training.model import DistillationModel, set_modes
from xdistill.training.objective import Objective, Term
from xdistill.training.optimizer import make_optimizer, make_scheduler
from xdistill.training.prefetch import prefetch
from xdistill.training.seeds import derive
from xdistill.training.shapes import output_spec
from xdistill.training.trainer import Trainer
from xdistill.types import Batch, OutputSpec


def train_stage(
    context: FoldContext,
    stage: TrainPlan,
    callbacks: Sequence[Callback] = (),
    *,
    done: int = 0,
    state: Mapping[str, Any] | None = None,
) -> Iterator[dict[str, Any]]:
    """Train for the stage's epochs; yields the history's rows.

    Args:
        context: of the fold.
        stage: what to train.
        callbacks: of the trainer.
        done: epochs that are done.
        state: of the trainer after them.
    """
    forward = _forward(context, stage)
    keys, trainer = build_trainer(context, stage, callbacks, forward)
    trainer.step = sum(map(len, keys[:done]))
    if state is not None:
        with resumable():
            load_state(trainer, state, callbacks[: len(state["callbacks"])])
    batches = _batches(context)
    with forward.explained():
        yield from trainer.epochs(lambda epoch: _prepared(context, batches, keys[epoch - 1]), stage.epochs, done=done)


def build_trainer(
    context: FoldContext, stage: TrainPlan, callbacks: Sequence[Callback] = (), forward: Forward | None = None
) -> tuple[list[list[BatchKey]], Trainer]:
    """The batches of every epoch, by key, and the trainer of a stage."""
    set_modes(context.networks, stage.train)
    networks, terms, figures = apply_control(context, stage)
    specs = _specs(context)
    objective = _objective(context, stage, terms, specs)
    networks = _with_frozen_teacher(context, stage, networks, objective, specs)
    model = DistillationModel(networks, objective, stage.train, required=context.required, forward=forward)
    model.to(context.fabric.device)
    keys = _keys(context, stage, objective)
    optimizer = make_optimizer(model, stage.optimizer, _own_settings(stage, objective))
    incomplete = len(context.rows_of("teacher")) < len(context.training)
    trainer = Trainer(
        model,
        optimizer,
        fabric=context.fabric,
        scheduler=make_scheduler(optimizer, stage.optimizer, steps=sum(map(len, keys))),
        clip_norm=stage.optimizer.clip_norm,
        callbacks=[StageSeeds(context.seed), Figures(figures, count_taught=incomplete), *callbacks],
        name=stage.name,
        where=f"fold {context.name}",
    )
    return keys, trainer


def _forward(context: FoldContext, stage: TrainPlan) -> Forward:
    if context.fabric.world_size > 1:
        return ShardedForward(context.fabric.device, seed=derive(context.seed, "together", stage.name))
    return Compiled() if context.experiment.recipe.compute.compile else Forward()


def _specs(context: FoldContext) -> dict[str, OutputSpec]:
    schema, device = context.facts.schema, str(context.fabric.device)
    return {role: output_spec(network, schema, device=device) for role, network in context.networks.items()}


def _objective(
    context: FoldContext, stage: TrainPlan, terms: Sequence[TermPlan | Term], specs: Mapping[str, OutputSpec]
) -> Objective:
    torch.manual_seed(derive(context.seed, "losses", stage.name))
    return Objective(
        [
            term if isinstance(term, Term) else build_term(term, specs, context.facts_of(term.on or "student"))
            for term in terms
        ]
    )


def _own_settings(stage: TrainPlan, objective: Objective) -> list[tuple[nn.Module, TermOptimizer]]:
    """The losses whose parameters have optimiser settings of their own."""
    terms = {term.label: term for term in objective.active}
    return [(terms[plan.label], plan.optimizer) for plan in stage.terms if plan.optimizer and plan.label in terms]


def _with_frozen_teacher(
    context: FoldContext,
    stage: TrainPlan,
    networks: Mapping[str, nn.Module],
    objective: Objective,
    specs: Mapping[str, OutputSpec],
) -> Mapping[str, nn.Module]:
    """The networks with the teacher that teaches; frozen, and its inputs never change, it computes its outputs once."""
    if "teacher" not in objective.roles or teaches(stage) or stage.control == "constant_teacher":
        return networks
    networks = {**networks, "teacher": context.teacher}
    if stage.control or objective.needs_grad:
        return networks
    if context.experiment.augment or context.dropout() is not None:
        return networks
    rows = context.rows_of("teacher")
    if not fits_memory(specs["teacher"], len(rows)):
        return networks
    return {**networks, "teacher": FrozenTeacher(context.teacher, context.source, rows, context.prepare)}


def _keys(context: FoldContext, stage: TrainPlan, objective: Objective) -> list[list[BatchKey]]:
    """The batches of every epoch, by key: of the subjects that some term uses.

    If every term needs the teacher, these are the subjects that it is given; if all are task losses, the labelled ones.
    """
    role = "teacher" if all(term.needs_teacher for term in objective.active) else "student"
    rows = context.labelled_rows_of(role) if all(term.on for term in objective.active) else context.rows_of(role)
    mixed = "teacher" in objective.roles and not context.taught[rows].all()
    spread = context.taught if mixed else context.labelled
    return [
        epoch_keys(
            rows,
            batch_size=stage.batch_size,
            drop_last=context.experiment.recipe.loader.drop_last,
            seed=derive(context.seed, "batches", stage.name, epoch),
            complete=None if spread[rows].all() else spread,
        )
        for epoch in range(1, stage.epochs + 1)
    ]


def _batches(context: FoldContext) -> TrainingBatches:
    augmentations = [choice.build(modalities=context.facts.schema.modalities) for choice in context.experiment.augment]
    workers = context.experiment.recipe.loader.workers
    device = augmentation_device(augmentations, context.fabric.device, workers=workers)
    return TrainingBatches(context.source, augmentations, context.dropout(), device)


def _prepared(context: FoldContext, batches: TrainingBatches, keys: Sequence[BatchKey]) -> Iterator[Batch]:
    """An epoch's batches on the device; the next one is prepared in a thread if that saves time."""
    settings = context.experiment.recipe.loader
    prepared = (context.prepare(batch) for batch in iterate(batches, keys, workers=settings.workers))
    wanted = context.fabric.device.type != "cpu" if settings.prefetch is None else settings.prefetch
    return prefetch(prepared) if wanted else prepared
