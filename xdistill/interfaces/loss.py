"""Losses: of one network against the target, and between teacher and student.

A loss that owns parameters (an adapter, a decoder) is a module like any other: the engine trains and saves
them. Weights between losses live in the recipe, not in the loss.

The graph of a training step may be cut at the outputs: gradients of a loss reach the networks through them, after all
terms were computed. Derivatives of one output by another, or by weights of a network, are not to be had in a loss, and
a hook on a feature sees the gradient of the losses alone.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from jaxtyping import Float
from torch import Tensor, nn

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Component, Settings
from xdistill.types import Batch, Output, OutputSpec, Schema


@dataclass(frozen=True)
class TrainingFacts:
    """What a task loss may know of the training subjects of its split.

    Attributes:
        schema: the cohort's schema after the transforms.
        class_counts: number of training subjects of each class.
    """

    schema: Schema
    class_counts: tuple[int, ...]


class TaskLoss(Component, nn.Module):
    """Scores one network's output against what is known of the subjects.

    ``__init__(config, *, output, training)`` gets the `OutputSpec` of the network it is put on.
    """

    def __init__(self, config: Settings, *, output: OutputSpec, training: TrainingFacts) -> None:
        super().__init__()
        self.config = config
        self.output = output
        self.training_facts = training

    @abstractmethod
    def forward(self, output: Output, batch: Batch) -> Float[Tensor, ""]:
        """A scalar, the mean over the batch; ``batch.target`` is set."""


class DistillationLoss(Component, nn.Module):
    """Pulls the student's output towards the teacher's.

    ``__init__(config, *, student, teacher)`` gets both `OutputSpec`, so that adapters can size themselves.
    The engine detaches the teacher's output unless the recipe's term says ``detach_teacher: false``.
    A Config field ``taps: list[str]`` is checked by the engine against the taps of both networks.
    """

    def __init__(self, config: Settings, *, student: OutputSpec, teacher: OutputSpec) -> None:
        super().__init__()
        self.config = config
        self.student = student
        self.teacher = teacher

    @abstractmethod
    def forward(self, student: Output, teacher: Output, batch: Batch) -> Float[Tensor, ""]:
        """A scalar, the mean over the batch unless the loss is defined otherwise."""


def check_taps(taps: Sequence[str], spec: OutputSpec, *, network: str) -> None:
    """Refuse taps that a network does not have; for losses to call when they are built.

    Args:
        taps: names of features.
        spec: of the network.
        network: what to call it in the message.

    Raises:
        SettingsError: naming the tap, what is near it, and the taps there are.
    """
    for tap in taps:
        if tap not in spec.features:
            near = get_close_matches(tap, spec.features, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            known = ", ".join(spec.features) or "none"
            raise SettingsError(f"the {network} has no tap {tap!r}; {hint}its taps are: {known}", field="taps")
