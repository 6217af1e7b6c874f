"""Augmentations: random changes of training batches; test batches never meet them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from xdistill.interfaces.component import Component, Settings
from xdistill.types import ModalitySpec


class Augmentation(Component):
    """Changes a training batch at random.

    ``__init__(config, *, modalities)`` gets the cohort's modalities after the transforms; the augmentation
    picks those it applies to (its Config says which, or all of its kind) and returns the others untouched.
    All randomness comes from the generator that it is called with, so that a run can be repeated bit for bit.

    Attributes:
        on_device: say True where inputs may be on an accelerator, while the generator is always the processor's: what
            is drawn has to be moved, as in ``torch.rand(shape, generator=generator).to(values)``. A run whose
            augmentations all say so changes its batches where it computes.
    """

    on_device: ClassVar[bool] = False

    def __init__(self, config: Settings, *, modalities: Mapping[str, ModalitySpec]) -> None:
        self.config = config
        self.modalities = dict(modalities)

    @abstractmethod
    def __call__(
        self, inputs: Mapping[str, Float[Tensor, "batch ..."]], generator: torch.Generator
    ) -> Mapping[str, Float[Tensor, "batch ..."]]:
        """The changed inputs; the tensors that come in are left as they are."""
