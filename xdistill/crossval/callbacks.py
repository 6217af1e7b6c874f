"""The callbacks of a fold: seeds, the best epoch, the score that a search watches, checkpoints."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from xdistill.experiment.context import FoldContext
from xdistill.interfaces.callback import Callback
from xdistill.interfaces.network import Network
from xdistill.stats import MetricFunction
from xdistill.training.checkpoint import Checkpointer, DamagedCheckpointError
from xdistill.training.model import DistillationModel
from xdistill.training.seeds import derive
from xdistill.training.source import Rows
from xdistill.training.trainer import Trainer

WATCHED = "watched"  # the column of the history for the score that a search watches


@dataclass
class FoldProgress:
    """How far a fold is: the content of its checkpoint, besides the networks.

    Attributes:
        stage: index of the current stage in the schedule.
        epoch: epochs of it that are done.
        history: one row per epoch, of all stages.
        losses: parameters of losses, by stage and name, as their stage left them.
        best: the networks of the best epoch so far and its log loss.
        reused: names of stages whose teacher was loaded from the cache.
        training: state of the current stage's trainer.
    """

    stage: int = 0
    epoch: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    losses: dict[str, Tensor] = field(default_factory=dict)
    best: dict[str, Any] | None = None
    reused: list[str] = field(default_factory=list)
    training: Mapping[str, Any] = field(default_factory=dict)

    def resume(self, checkpointer: Checkpointer | None, networks: Mapping[str, Network]) -> None:
        """Load the last checkpoint, if there is one.

        Raises:
            DamagedCheckpointError: if it has not what a checkpoint has; the networks are to be built again.
        """
        state = None if checkpointer is None else checkpointer.load()
        if state is None or checkpointer is None:
            return
        with resumable(checkpointer.path):
            for role, weights in state.pop("networks").items():
                networks[role].load_state_dict(weights)
            for name in self.__dataclass_fields__:
                setattr(self, name, state[name])

    def save(
        self,
        checkpointer: Checkpointer | None,
        networks: Mapping[str, Network],
        *,
        stage: int,
        epoch: int = 0,
        training: Mapping[str, Any] | None = None,
    ) -> None:
        """Write a checkpoint, if there is a checkpointer: training continues in this stage, after this epoch."""
        self.stage, self.epoch, self.training = stage, epoch, training or {}
        if checkpointer is None:
            return
        state = {name: getattr(self, name) for name in self.__dataclass_fields__}
        checkpointer.save({**state, "networks": weights_of(networks)})

    def restore_best(self, networks: Mapping[str, Network]) -> None:
        """Give the networks the weights of the best epoch, if one was chosen."""
        if self.best is not None:
            for role, weights in self.best["networks"].items():
                networks[role].load_state_dict(weights)


class StageSeeds(Callback):
    """Seeds torch before each epoch, so that a resumed run draws the same random numbers."""

    name = "stage_seeds"

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, trainer: Trainer) -> None:
        """Seed the epoch."""
        torch.manual_seed(derive(self.seed, "epoch", trainer.name, trainer.epoch))

    def on_batch_begin(self, trainer: Trainer, batch: Any) -> None:  # noqa: ARG002 - the hook's signature
        """Tell the step to processes that each draw their own random numbers."""
        model: Any = trainer.model
        model.compute.begin(trainer.step)


class Figures(Callback):
    """Adds what is known of a stage to its rows of the history.

    Args:
        figures: the same in every row.
        count_taught: whether to add the number of subjects that the teacher was given.
    """

    name = "figures"

    def __init__(self, figures: Mapping[str, float], *, count_taught: bool) -> None:
        super().__init__()
        self.figures = dict(figures)
        self.count_taught = count_taught

    def on_epoch_end(self, trainer: Trainer, logs: dict[str, Any]) -> None:
        """Add the figures."""
        if self.count_taught:
            model: Any = trainer.model
            labels = [term.label for term in model.objective.active if term.needs_teacher]
            logs["taught"] = max((trainer.subjects.get(label, 0) for label in labels), default=0)
        logs |= self.figures


class BestEpoch(Callback):
    """Computes the log loss of the subjects held out; keeps the networks of the best epoch of the last stage.

    Args:
        context: of the fold.
        progress: of the fold; its ``best`` is set.
        final: whether this is the last stage.
    """

    name = "best_epoch"

    def __init__(self, context: FoldContext, progress: FoldProgress, *, final: bool) -> None:
        super().__init__()
        self.context = context
        self.progress = progress
        self.final = final

    def on_epoch_end(self, trainer: Trainer, logs: dict[str, Any]) -> None:  # noqa: ARG002 - the hook's signature
        """Validate."""
        rows, best = self.context.validation, self.progress.best
        task = self.context.facts.schema.task
        loss = task.validation_loss(self.context.predict("student", rows), self.context.targets(rows))
        logs["validation_log_loss"] = loss
        if self.final and (best is None or loss < best["log_loss"]):
            self.progress.best = {"log_loss": loss, "networks": copy.deepcopy(weights_of(self.context.networks))}


class WatchedScore(Callback):
    """Adds the student's score on some subjects to the history; a search prunes by it.

    Args:
        context: of the fold.
        rows: of the subjects; a search takes training subjects of the outer split.
        metric: of targets, predictions and classes.
    """

    name = "watched_score"

    def __init__(self, context: FoldContext, rows: Rows, metric: MetricFunction) -> None:
        super().__init__()
        self.context = context
        self.rows = rows
        self.metric = metric

    def on_epoch_end(self, trainer: Trainer, logs: dict[str, Any]) -> None:  # noqa: ARG002 - the hook's signature
        """Score."""
        names = self.context.source.cohort.schema.task.names
        predictions = self.context.predict("student", self.rows)
        logs[WATCHED] = self.metric(self.context.targets(self.rows), predictions, names)


class Checkpoints(Callback):
    """Keeps the history, and writes a checkpoint at the end of a stage and whenever one is due.

    Args:
        context: of the fold.
        progress: of the fold.
        checkpointer: writes the file; None: only the history is kept.
        stage: index of the stage.
        stateful: callbacks whose state is part of the checkpoint.
    """

    name = "checkpoints"

    def __init__(
        self,
        context: FoldContext,
        progress: FoldProgress,
        checkpointer: Checkpointer | None,
        *,
        stage: int,
        stateful: Sequence[Callback] = (),
    ) -> None:
        super().__init__()
        self.context = context
        self.progress = progress
        self.checkpointer = checkpointer
        self.stage = stage
        self.stateful = stateful

    def on_epoch_end(self, trainer: Trainer, logs: dict[str, Any]) -> None:
        """Keep the row; save if it is time."""
        self.progress.history.append(logs)
        networks, last = self.context.networks, trainer.epoch == trainer.total_epochs
        if last:
            parameters: Mapping[str, Tensor] = _objective_of(trainer).state_dict()
            self.progress.losses |= {f"{trainer.name}.{name}": value for name, value in parameters.items()}
        if not self.context.leads:
            return
        if last:
            self.progress.save(self.checkpointer, networks, stage=self.stage + 1)
        elif self.checkpointer is not None and self.checkpointer.due():
            training = state_of(trainer, self.stateful)
            self.progress.save(self.checkpointer, networks, stage=self.stage, epoch=trainer.epoch, training=training)


def state_of(trainer: Trainer, callbacks: Sequence[Callback]) -> dict[str, Any]:
    """What a trainer needs, besides the networks, to continue after an epoch."""
    return {
        "objective": _objective_of(trainer).state_dict(),
        "optimizer": trainer.optimizer.state_dict(),
        "scheduler": None if trainer.scheduler is None else trainer.scheduler.state_dict(),
        "precision": trainer.fabric.strategy.precision.state_dict(),
        "callbacks": [callback.state_dict() for callback in callbacks],
    }


def load_state(trainer: Trainer, state: Mapping[str, Any], callbacks: Sequence[Callback]) -> None:
    """Continue where `state_of` was taken."""
    _objective_of(trainer).load_state_dict(state["objective"])
    trainer.optimizer.load_state_dict(state["optimizer"])
    if trainer.scheduler is not None:
        trainer.scheduler.load_state_dict(state["scheduler"])
    trainer.fabric.strategy.precision.load_state_dict(state["precision"])
    for callback, kept in zip(callbacks, state["callbacks"], strict=True):
        callback.load_state_dict(kept)


@contextmanager
def resumable(path: Path | None = None) -> Iterator[None]:
    """Turn an error of loading a state into one that says that it cannot be resumed from.

    Raises:
        DamagedCheckpointError: naming what is missing or does not fit.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError) as error:
        where = f"{path}: " if path else ""
        reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        raise DamagedCheckpointError(f"{where}the checkpoint has no state to resume from ({reason})") from error


def weights_of(networks: Mapping[str, Network]) -> dict[str, Any]:
    """Weights and buffers, by role."""
    return {role: network.state_dict() for role, network in networks.items()}


def _objective_of(trainer: Trainer) -> torch.nn.Module:
    model = trainer.model
    assert isinstance(model, DistillationModel)  # noqa: S101 - folds train nothing else
    return model.objective
