"""A frozen teacher that remembers what it said; see `remembering` for when, and what that does to the bits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from math import prod
from typing import TYPE_CHECKING, Protocol, cast

from torch import nn

from xdistill.distillation.teacher_cache.by_batch import ByBatch
from xdistill.distillation.teacher_cache.key import circumstances, state_digest
from xdistill.distillation.teacher_cache.outputs import BySubject
from xdistill.experiment.plans import TrainPlan
from xdistill.interfaces.network import Network
from xdistill.training.loader import BatchKey
from xdistill.training.objective import Objective
from xdistill.types import Batch, Output, OutputSpec

if TYPE_CHECKING:
    from xdistill.training.train import Trainer

OfEpoch = Callable[[Sequence[BatchKey]], AbstractContextManager[bool]]
BY_SUBJECT_MB = 256  # a constant, since what is remembered by subject decides the last bits


class Memory(Protocol):
    """What a frozen teacher said."""

    active: bool

    def epoch(self, keys: Sequence[BatchKey]) -> AbstractContextManager[bool]:
        """Within it, the teacher is asked about these batches, one after the other.

        It gives whether the teacher is likely to need nothing of what they hold.
        """

    def output(self, batch: Batch, compute: Callable[[Batch], Output]) -> Output:
        """What it says of the next one."""


class RememberingTeacher(nn.Module):
    """A frozen teacher; within an epoch of training it is asked what it remembers, elsewhere it computes.

    Args:
        network: the teacher, in eval mode.
        memory: what it said.
    """

    def __init__(self, network: Network, memory: Memory) -> None:
        super().__init__()
        self.network = network
        self.inputs = network.inputs
        self.memory = memory

    def forward(self, batch: Batch) -> Output:
        """What the teacher says."""
        if not self.memory.active:
            return cast("Output", self.network(batch))
        return self.memory.output(batch, self.network)


def remembering(
    trainer: Trainer,
    stage: TrainPlan,
    networks: Mapping[str, nn.Module],
    objective: Objective,
    specs: Mapping[str, OutputSpec],
) -> tuple[Mapping[str, nn.Module], OfEpoch]:
    """The networks of a stage, a frozen teacher among them made to remember; and the context of an epoch's batches.

    Without anything random in what it is given, a frozen teacher is asked once about each subject, in batches of
    `EVALUATION_BATCH` in the order of the split, and the answers serve for all epochs; where they are kept for other
    runs or not, and wherever they come from, these are the same bits. With augmentation or modality dropout it is asked
    about each batch, as ever; its answers are kept for runs that draw the same batches.

    Nothing is remembered of a teacher that learns, even in part, nor of one that a control stands in for.

    Args:
        trainer: of the fold.
        stage: what it says.
        networks: by role.
        objective: of the stage.
        specs: shapes of what the networks return, by role.
    """
    trained = {path.partition(".")[0] for path in stage.train}
    if "teacher" not in objective.roles or "teacher" in trained or stage.stand_in:
        return networks, lambda _keys: nullcontext(enter_result=False)
    network = trainer.networks["teacher"]
    memory: Memory
    if not trainer.experiment.augment and trainer.dropout() is None and _fits(trainer, specs["teacher"]):
        memory = BySubject(trainer, network, _decisive(trainer, network))
    elif trainer.cache is not None:
        memory = ByBatch(
            trainer.cache, network, _decisive(trainer, network), epochs=stage.epochs, device=trainer.fabric.device
        )
    else:
        return networks, lambda _keys: nullcontext(enter_result=False)
    return {**networks, "teacher": RememberingTeacher(network, memory)}, memory.epoch


def _decisive(trainer: Trainer, network: Network) -> dict[str, object]:
    return {**circumstances(trainer), "weights": state_digest(network.state_dict())}


def _fits(trainer: Trainer, spec: OutputSpec) -> bool:
    """Whether all that the teacher says of all subjects is small, as numbers of four bytes."""
    numbers = spec.classes * (1 + len(spec.aux)) + sum(prod(shape) for shape in spec.features.values())
    return len(trainer.rows_of("teacher")) * numbers * 4 <= BY_SUBJECT_MB * 2**20
