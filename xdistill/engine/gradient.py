"""A stage of training by gradient."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from xdistill.engine.events import Event
from xdistill.engine.experiment import TrainPlan
from xdistill.engine.loader import BatchKey, TrainingBatches, epoch_keys, iterate
from xdistill.engine.networks import output_spec
from xdistill.engine.objective import Objective, build_term
from xdistill.engine.seeds import derive
from xdistill.engine.step import StepModule, Stepper, set_modes

if TYPE_CHECKING:
    from xdistill.engine.train import Trainer


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
    objective = _objective(trainer, stage)
    module = StepModule(trainer.networks, objective, stage.train)
    module.to(trainer.fabric.device)
    keys = _keys(trainer, stage)
    stepper = Stepper(trainer.fabric, module, stage, steps=sum(map(len, keys)), place=trainer.fold)
    precision = trainer.fabric.strategy.precision
    if state is not None:
        objective.load_state_dict(state["objective"])
        stepper.optimizer.load_state_dict(state["optimizer"])
        precision.load_state_dict(state["precision"])
    modalities = trainer.facts.schema.modalities
    batches = TrainingBatches(
        trainer.source, [choice.build(modalities=modalities) for choice in trainer.experiment.augment]
    )
    for epoch in range(begin + 1, stage.epochs + 1):
        torch.manual_seed(derive(trainer.seed, "epoch", stage.name, epoch))
        done = sum(map(len, keys[: epoch - 1]))
        row = _epoch(trainer, stepper, batches, keys[epoch - 1], epoch=epoch, done=done)
        if len(trainer.validation) and "student" in module.trained:
            trainer.validate(row, final=index == len(trainer.experiment.stages) - 1)
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


def _objective(trainer: Trainer, stage: TrainPlan) -> Objective:
    device = str(trainer.fabric.device)
    specs = {
        role: output_spec(network, trainer.facts.schema, device=device) for role, network in trainer.networks.items()
    }
    torch.manual_seed(derive(trainer.seed, "losses", stage.name))
    return Objective([build_term(term, specs, trainer.facts) for term in stage.terms])


def _keys(trainer: Trainer, stage: TrainPlan) -> list[list[BatchKey]]:
    """The batches of every epoch."""
    return [
        epoch_keys(
            trainer.training,
            batch_size=stage.batch_size,
            drop_last=trainer.experiment.recipe.loader.drop_last,
            seed=derive(trainer.seed, "batches", stage.name, epoch),
        )
        for epoch in range(1, stage.epochs + 1)
    ]


def _epoch(
    trainer: Trainer, stepper: Stepper, batches: TrainingBatches, keys: Sequence[BatchKey], *, epoch: int, done: int
) -> dict[str, Any]:
    begin = time.monotonic()
    totals: dict[str, Tensor] = {}
    total, seen = 0.0, 0
    workers = trainer.experiment.recipe.loader.workers
    for number, batch in enumerate(iterate(batches, keys, workers=workers), start=done):
        value, parts = stepper.step(trainer.prepare(batch), number, epoch)
        size = len(batch)
        seen += size
        total += value * size
        for label, part in parts.items():
            totals[label] = totals[label] + part * size if label in totals else part * size
    return {
        "stage": stepper.stage.name,
        "epoch": epoch,
        "seconds": time.monotonic() - begin,
        "lr": stepper.optimizer.param_groups[0]["lr"],
        "total": total / seen,
        **{label: float(value) / seen for label, value in totals.items()},
    }
