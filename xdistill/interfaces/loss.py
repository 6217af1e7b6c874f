"""Losses: of one network against the target, and between teacher and student.

A loss that owns parameters (an adapter, a decoder) is a module like any other: the trainer trains and saves
them. Weights between losses belong in the recipe, not in the loss.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Component, Settings
from xdistill.suggest import did_you_mean
from xdistill.types import Batch, Output, OutputSpec, Schema


@dataclass(frozen=True)
class TrainingFacts:
    """What a task loss may know about the training subjects of its split.

    Attributes:
        schema: the cohort's schema after the transforms; its task is `Task.fitted` to the training subjects.
        class_counts: number of training subjects of each class; empty for tasks without classes.
        targets: of the training subjects ``(subjects, *target_shape)``; None where they are not known.
    """

    schema: Schema
    class_counts: tuple[int, ...]
    targets: NDArray[Any] | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, schema: Schema, targets: NDArray[Any]) -> TrainingFacts:
        """The facts of training subjects with these targets of the schema's task."""
        return cls(schema, tuple(schema.task.counts(targets).values()), targets)


class TaskLoss(Component, nn.Module):
    """Scores one network's output against what is known about the subjects.

    ``__init__(config, *, output, training)`` gets the `OutputSpec` of the network that it scores. ``batch.target`` is
    on the scale of the logits: for a regression standardised by the task of ``training.schema``.

    Attributes:
        tasks: names of the tasks that the loss is for, such as ``classification``; empty: any. A recipe with another
            task is rejected.
    """

    tasks: ClassVar[tuple[str, ...]] = ()

    def __init__(self, config: Settings, *, output: OutputSpec, training: TrainingFacts) -> None:
        super().__init__()
        self.config = config
        self.output = output
        self.training_facts = training

    @classmethod
    def predicted(cls, config: Any) -> tuple[str, ...]:  # noqa: ARG003 - for subclasses
        """The modalities that the network predicts by this loss.

        Null controls leave out terms by which the student predicts privileged ones.
        """
        return ()

    @abstractmethod
    def forward(self, output: Output, batch: Batch) -> Float[Tensor, ""]:
        """A scalar, the mean over the batch; ``batch.target`` is set."""


class DistillationLoss(Component, nn.Module):
    """Pulls the student's output towards the teacher's.

    ``__init__(config, *, student, teacher)`` gets both `OutputSpec`, from which adapters take their sizes.
    The trainer detaches the teacher's output unless the recipe's term sets ``detach_teacher: false``.
    ``student`` is the network that learns: for a term with ``teaches: teacher`` the roles are swapped. ``teacher`` is
    one member of several teachers if the term sets ``output``.
    A Config field ``taps: list[str]`` is checked against the taps of both networks.

    A loss that differentiates through the networks, such as one that matches Jacobians or class activation maps, sets
    ``needs_grad = True``. The trainer then computes both networks with gradients, a frozen teacher too, and passes
    both outputs undetached; logits, features and auxiliary logits are tensors of one graph, and floating-point tensors
    in ``batch.inputs`` require gradients and are the ones that the networks read. The loss calls
    ``torch.autograd.grad(..., create_graph=True)`` for the student. For the teacher it leaves out ``create_graph`` and
    passes ``retain_graph=True``, so that its gradients are constants. ``allow_unused=True`` returns None for a tensor
    that an output does not depend on. Do not call ``backward``, which would add to the gradients of the weights.

    Attributes:
        needs_grad: whether the loss differentiates through the networks.
        tasks: names of the tasks that the loss is for, as of a `TaskLoss`; empty: any.
    """

    needs_grad: ClassVar[bool] = False
    tasks: ClassVar[tuple[str, ...]] = ()

    def __init__(self, config: Settings, *, student: OutputSpec, teacher: OutputSpec) -> None:
        super().__init__()
        self.config = config
        self.student = student
        self.teacher = teacher

    @abstractmethod
    def forward(self, student: Output, teacher: Output, batch: Batch) -> Float[Tensor, ""]:
        """A scalar, the mean over the batch unless the loss is defined otherwise."""


def check_taps(taps: Sequence[str], spec: OutputSpec, *, network: str) -> None:
    """Raise an error for taps that a network does not have; losses call it when they are built.

    Args:
        taps: names of features.
        spec: of the network.
        network: its name in the message.

    Raises:
        SettingsError: naming the tap, the most similar one, and all taps of the network.
    """
    for tap in taps:
        if tap not in spec.features:
            hint = did_you_mean(tap, spec.features, "taps") or "; it has no taps"
            raise SettingsError(f"the {network} has no tap `{tap}`{hint}", field="taps")
