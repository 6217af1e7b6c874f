"""Training the networks of one fold, stage by stage; what a stage does stands in the file of its kind."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor

from xdistill.crossval.events import EpochEnded, Event, FoldStarted, TeacherCacheFailed
from xdistill.crossval.fit_stage import fit_stage
from xdistill.crossval.gradient_stage import train_stage
from xdistill.distillation.teacher_cache.store import TeacherCache
from xdistill.distillation.teacher_cache.weights import taught_once
from xdistill.experiment.missing import ModalityDropout
from xdistill.experiment.plans import Experiment, FitPlan, StagePlan, TrainPlan
from xdistill.interfaces.loss import TrainingFacts
from xdistill.interfaces.network import Network
from xdistill.training.checkpoint import Checkpointer
from xdistill.training.evaluate import EVALUATION_BATCH, log_loss, predict
from xdistill.training.loader import Rows, Source, channels_last, memory_format
from xdistill.types import Batch

# Runs a stage, given its index, the epochs of it that are done, and the checkpoint to go on from when there are any.
Runner = Callable[["Trainer", int, Any, int, Mapping[str, Any] | None], Iterator[Event]]
RUNNERS: Mapping[type[StagePlan], Runner] = {TrainPlan: train_stage, FitPlan: fit_stage}


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
        seen: which of the cohort's subjects the teacher is given, ``(cohort,)``; None: everyone.
        cache: where teachers are kept for other runs; None: nowhere.
        reused: names of stages whose outcome was found there.
        watch: adds figures to the history after each epoch in which the student learned; nothing is chosen by them
            here, but a search may give up the fold.
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
    seen: NDArray[np.bool_] | None = None
    cache: TeacherCache | None = None
    reused: list[str] = field(default_factory=list)
    watch: Callable[[Trainer], dict[str, float]] | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """The modalities without which the teacher is not given a subject of a batch."""
        skips = self.experiment.recipe.missing.use == "skip" and "teacher" in self.experiment.facts
        return self.experiment.facts["teacher"].inputs if skips else ()

    @property
    def leads(self) -> bool:
        """Whether this process writes and measures; of several that compute a fold together, the first."""
        return self.fabric.is_global_zero

    def rows_of(self, role: str) -> Rows:
        """The training subjects that a network is given."""
        return self.training if role != "teacher" or self.seen is None else self.training[self.seen[self.training]]

    def facts_of(self, role: str) -> TrainingFacts:
        """What a task loss on a network may know: of the subjects that the network is given."""
        rows = self.rows_of(role)
        if len(rows) == len(self.training):
            return self.facts
        targets = np.asarray(self.source.cohort.targets)[rows]
        counts = np.bincount(targets, minlength=len(self.facts.class_counts))
        return replace(self.facts, class_counts=tuple(int(count) for count in counts))

    def dropout(self) -> ModalityDropout | None:
        """What withholds modalities from the teacher; None when the recipe asks for nothing of the kind."""
        missing, privileged = self.experiment.recipe.missing, self.experiment.privileged
        if missing.use != "modality_dropout" or not privileged:
            return None
        return ModalityDropout(missing.rate, {name: self.source.stand_in(name) for name in privileged})

    def run(self) -> Iterator[Event]:
        """Train all stages, from the last checkpoint on where there is one."""
        state = self.checkpointer.load()
        at_stage, at_epoch = 0, 0
        if state is not None:
            at_stage, at_epoch = state["stage"], state["epoch"]
            self.history = state["history"]
            self.losses = state["losses"]
            self.best = state["best"]
            self.reused = state.get("reused", [])
            for role, weights in state["networks"].items():
                self.networks[role].load_state_dict(weights)
        self.fabric.barrier()  # before the first process writes the next checkpoint, all have read this one
        yield FoldStarted(self.fold, done=self._epochs_before(at_stage) + at_epoch)
        for index, stage in enumerate(self.experiment.schedule[at_stage:], start=at_stage):
            begin = at_epoch if index == at_stage else 0
            run = partial(RUNNERS[type(stage)], self, index, stage, begin, state if begin else None)
            yield from taught_once(self, index, begin, run)
            yield from self._tidy()
        if self.best is not None:
            for role, weights in self.best["networks"].items():
                self.networks[role].load_state_dict(weights)

    def prepare(self, batch: Batch) -> Batch:
        """The batch as the networks want it: on their device, images channels-last when the recipe says so."""
        moved = batch.to(self.fabric.device)
        return memory_format(moved, channels_last) if self.experiment.recipe.compute.channels_last else moved

    def end_epoch(self, index: int, row: dict[str, Any], state: Callable[[], Mapping[str, Any]] = dict) -> EpochEnded:
        """Keep an epoch in the history, and write a checkpoint when it is time for one.

        Args:
            index: of the stage.
            row: what the history says of the epoch.
            state: gives what the stage needs, besides the networks, to go on after this epoch.
        """
        stage, epoch = self.experiment.schedule[index], row["epoch"]
        self.history.append(row)
        last = epoch == stage.epochs
        if self.leads and (last or self.checkpointer.due()):
            self._save(index + 1 if last else index, 0 if last else epoch, state())
        return self._ended(index, row)

    def take_over(self, index: int, rows: Sequence[dict[str, Any]]) -> Iterator[EpochEnded]:
        """Go on as if a stage had been run, whose outcome the networks already hold.

        Args:
            index: of the stage.
            rows: what the history says of its epochs.
        """
        self.history.extend(rows)
        self.reused.append(self.experiment.schedule[index].name)
        self._save(index + 1, 0, {})
        for row in rows:
            yield self._ended(index, row)

    def _tidy(self) -> Iterator[TeacherCacheFailed]:
        if self.cache is None:
            return
        self.cache.trim()
        while self.cache.troubles:
            yield TeacherCacheFailed(self.fold, self.cache.troubles.pop(0))

    def _ended(self, index: int, row: Mapping[str, Any]) -> EpochEnded:
        stage, epoch = self.experiment.schedule[index], row["epoch"]
        return EpochEnded(
            fold=self.fold,
            stage=stage.name,
            epoch=epoch,
            done=self._epochs_before(index) + epoch,
            losses={name: value for name, value in row.items() if name not in _NO_LOSSES},
            lr=row.get("lr", 0.0),
            seconds=row["seconds"],
        )

    def validate(self, row: dict[str, Any], *, final: bool) -> None:
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

    def _epochs_before(self, index: int) -> int:
        return sum(stage.epochs for stage in self.experiment.schedule[:index])

    def _weights(self) -> dict[str, Any]:
        return {role: network.state_dict() for role, network in self.networks.items()}

    def _save(self, stage: int, epoch: int, state: Mapping[str, Any]) -> None:
        self.checkpointer.save(
            {
                "stage": stage,
                "epoch": epoch,
                "networks": self._weights(),
                "history": self.history,
                "losses": self.losses,
                "best": self.best,
                "reused": self.reused,
                **state,
            }
        )


_NO_LOSSES = frozenset({"stage", "epoch", "seconds", "lr", "taught", "smoothing"})
