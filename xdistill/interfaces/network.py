"""Networks: the teacher and the student."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from torch import nn

from xdistill.interfaces.component import Component, Settings
from xdistill.types import Batch, Output, Schema


class Network(Component, nn.Module):
    """From a batch to logits and features.

    ``__init__(config, *, schema)`` gets the cohort's schema as it is after the transforms, and sets `inputs`.
    The batch that `forward` is given holds the modalities in `inputs` and nothing else: no other modality,
    no target.

    Where both learn in one stage, teacher and student may be computed in two threads at the same time. So what a
    network remembers from step to step belongs into its buffers.

    Attributes:
        inputs: the modalities it reads.
        beside_others: whether it may be computed while the other network is. False is for one that changes settings
            of the whole process, such as torch's flags or seeds; any module in it may say so.
    """

    inputs: tuple[str, ...]
    beside_others: ClassVar[bool] = True

    def __init__(self, config: Settings, *, schema: Schema) -> None:
        super().__init__()
        self.config = config
        self.schema = schema

    @abstractmethod
    def forward(self, batch: Batch) -> Output:
        """Logits ``(batch, classes)`` and the features that losses may tap, by name."""


class Teacher(Network):
    """A network that may see every modality. It is frozen in eval mode whenever it is not trained."""


class Student(Network):
    """A network that will be used with its own modalities alone, and is trained with nothing else."""
