"""Training the networks of one fold, stage by stage."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from xdistill.engine.checkpoint import Checkpointer
from xdistill.engine.evaluate import log_loss, predict
from xdistill.engine.events import EpochEnded, Event, FoldStarted
from xdistill.engine.experiment import Experiment, StagePlan
from xdistill.engine.loader import Rows, Source, TrainingBatches, channels_last, epoch_keys, iterate, memory_format
from xdistill.engine.networks import output_spec
from xdistill.engine.objective import Objective, build_term
from xdistill.engine.seeds import derive
from xdistill.engine.step import StepModule, Stepper, set_modes
from xdistill.interfaces.loss import TrainingFacts
from xdistill.interfaces.network import Network
from xdistill.types import Batch, OutputSpec


@dataclass
class Trainer:
    """Trains the networks of one fold.

    Attributes:
        experiment: what to do.
        networks: by role; on the fabric's device.
        source: the cohort after the transforms of this split.
        training: rows of the training subjects.
        validation: rows of those kept aside to choose the epoch by; may be empty.
        facts: what task losses may know.
        fabric: device and precision.
        checkpointer: of this fold.
        fold: such as ``r0-f3``.
        seed: of this fold.
        history: one row an epoch.
        losses: parameters that losses own, by stage and name, as their stage left them.
        best: the networks of the best epoch so far, when subjects are kept aside to choose it by.
    """

    experiment: Experiment
    networks: dict[str, Network]
    source: Source
    training: Rows
    validation: Rows
    facts: TrainingFacts
    fabric: Fabric
    checkpointer: Checkpointer
    fold: str
    seed: int
    history: list[dict[str, Any]] = field(default_factory=list)
    losses: dict[str, Tensor] = field(default_factory=dict)
    best: dict[str, Any] | None = None

    def run(self) -> Iterator[Event]:
        """Train all stages, from the last checkpoint on where there is one."""
        state = self.checkpointer.load()
        at_stage, at_epoch = 0, 0
        if state is not None:
            at_stage, at_epoch = state["stage"], state["epoch"]
            self.history = state["history"]
            self.losses = state["losses"]
            self.best = state["best"]
            for role, weights in state["networks"].items():
                self.networks[role].load_state_dict(weights)
        yield FoldStarted(self.fold, done=sum(stage.epochs for stage in self.experiment.stages[:at_stage]) + at_epoch)
        specs = {role: self._spec(network) for role, network in self.networks.items()}
        for index, stage in enumerate(self.experiment.stages[at_stage:], start=at_stage):
            begin = at_epoch if index == at_stage else 0
            yield from self._stage(index, stage, specs, begin, state if begin else None)
        if self.best is not None:
            for role, weights in self.best["networks"].items():
                self.networks[role].load_state_dict(weights)

    def prepare(self, batch: Batch) -> Batch:
        """The batch as the networks want it: on their device, images channels-last when the recipe says so."""
        moved = batch.to(self.fabric.device)
        return memory_format(moved, channels_last) if self.experiment.recipe.compute.channels_last else moved

    def _spec(self, network: Network) -> OutputSpec:
        return output_spec(network, self.facts.schema, device=str(self.fabric.device))

    def _stage(
        self, index: int, stage: StagePlan, specs: dict[str, OutputSpec], begin: int, state: dict[str, Any] | None
    ) -> Iterator[Event]:
        set_modes(self.networks, stage.train)
        torch.manual_seed(derive(self.seed, "losses", stage.name))
        objective = Objective([build_term(term, specs, self.facts) for term in stage.terms])
        module = StepModule(self.networks, objective, stage.train)
        module.to(self.fabric.device)
        drop_last = self.experiment.recipe.loader.drop_last
        keys = [
            epoch_keys(
                self.training,
                batch_size=stage.batch_size,
                drop_last=drop_last,
                seed=derive(self.seed, "batches", stage.name, epoch),
            )
            for epoch in range(1, stage.epochs + 1)
        ]
        stepper = Stepper(self.fabric, module, stage, steps=sum(map(len, keys)), place=self.fold)
        if state is not None:
            objective.load_state_dict(state["objective"])
            stepper.optimizer.load_state_dict(state["optimizer"])
            self.fabric.strategy.precision.load_state_dict(state["precision"])
        batches = TrainingBatches(
            self.source, [choice.build(modalities=self.facts.schema.modalities) for choice in self.experiment.augment]
        )
        before = sum(earlier.epochs for earlier in self.experiment.stages[:index])
        for epoch in range(begin + 1, stage.epochs + 1):
            torch.manual_seed(derive(self.seed, "epoch", stage.name, epoch))
            row = self._epoch(stepper, batches, keys[epoch - 1], epoch, sum(map(len, keys[: epoch - 1])))
            if len(self.validation) and "student" in module.trained:
                self._validate(row, final=index == len(self.experiment.stages) - 1)
            self.history.append(row)
            last = epoch == stage.epochs
            if last:
                self.losses |= {f"{stage.name}.{name}": value for name, value in objective.state_dict().items()}
            if last or self.checkpointer.due():
                self._save(index + 1 if last else index, 0 if last else epoch, stepper)
            yield EpochEnded(
                fold=self.fold,
                stage=stage.name,
                epoch=epoch,
                done=before + epoch,
                losses={name: value for name, value in row.items() if name not in _NO_LOSSES},
                lr=row["lr"],
                seconds=row["seconds"],
            )

    def _epoch(
        self, stepper: Stepper, batches: TrainingBatches, keys: Sequence[Any], epoch: int, done: int
    ) -> dict[str, Any]:
        begin = time.monotonic()
        totals: dict[str, Tensor] = {}
        total, seen = 0.0, 0
        workers = self.experiment.recipe.loader.workers
        for number, batch in enumerate(iterate(batches, keys, workers=workers), start=done):
            value, parts = stepper.step(self.prepare(batch), number, epoch)
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

    def _validate(self, row: dict[str, Any], *, final: bool) -> None:
        """Score the subjects kept aside; remember the networks of the best epoch of the last stage."""
        probabilities = predict(
            self.networks["student"],
            self.source,
            self.validation,
            fabric=self.fabric,
            batch_size=EVALUATION_BATCH,
            prepare=self.prepare,
        )
        targets = np.asarray(self.source.cohort.targets)[self.validation]
        row["validation_log_loss"] = log_loss(probabilities, targets)
        if final and (self.best is None or row["validation_log_loss"] < self.best["log_loss"]):
            self.best = {"log_loss": row["validation_log_loss"], "networks": copy.deepcopy(self._weights())}

    def _weights(self) -> dict[str, Any]:
        return {role: network.state_dict() for role, network in self.networks.items()}

    def _save(self, stage: int, epoch: int, stepper: Stepper) -> None:
        self.checkpointer.save(
            {
                "stage": stage,
                "epoch": epoch,
                "networks": self._weights(),
                "objective": stepper.module.objective.state_dict(),
                "optimizer": stepper.optimizer.state_dict(),
                "precision": self.fabric.strategy.precision.state_dict(),
                "history": self.history,
                "losses": self.losses,
                "best": self.best,
            }
        )


EVALUATION_BATCH = 32
_NO_LOSSES = frozenset({"stage", "epoch", "seconds", "lr"})
