"""A trained network as a function of the tensors of its modalities: the form that Captum works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from xdistill.errors import UserError
from xdistill.extras import require
from xdistill.interfaces.network import Network
from xdistill.tasks import Task
from xdistill.types import Batch, ModalitySpec, Schema

_MAP_SHAPES = {3, 4}  # channels with two or three axes


class Scoring(nn.Module):
    """What is explained, by one tensor ``(batch, *shape)`` for each of a network's inputs, in their order.

    Args:
        network: in eval mode.
        batch: one subject, whose presence of modalities holds for all rows.
        task: as it was fitted for the network; `Task.explained` says what is explained, such as the logit of a class.
    """

    def __init__(self, network: Network, batch: Batch, task: Task) -> None:
        super().__init__()
        self.network = network
        self.names = tuple(network.inputs)
        self.batch = batch
        self.task = task

    def forward(self, *values: Tensor) -> Tensor:
        """What attributions are of, ``(batch, explainable)``."""
        return self.task.explained(self._logits(*values))

    def predictions(self, *values: Tensor) -> Tensor:
        """Predictions of the task, ``(batch, columns)``."""
        return self.task.predict(self._logits(*values))

    def _logits(self, *values: Tensor) -> Tensor:
        count = len(values[0])
        batch = Batch(
            inputs=dict(zip(self.names, values, strict=True)),
            present={name: self.batch.present[name].expand(count) for name in self.names},
            subjects=("",) * count,
        )
        logits: Tensor = self.network(batch).logits
        return logits.float()


@dataclass(frozen=True)
class Subject:
    """One subject as one network is given it.

    Attributes:
        scoring: the network.
        values: by modality, ``(1, *shape)``, in the order of the network's inputs.
        baselines: what stands for "nothing to see": an image's own mean in each channel, zeros for a vector.
        schema: by modality, after the transforms.
        target: which of `Task.explainable`.
    """

    scoring: Scoring
    values: Mapping[str, Tensor]
    baselines: Mapping[str, Tensor]
    schema: Mapping[str, ModalitySpec]
    target: int

    @classmethod
    def of(cls, network: Network, batch: Batch, schema: Schema, target: int) -> Subject:
        """That of a batch of one subject.

        Raises:
            UserError: for a network without inputs, and for modalities that are neither images nor vectors.
        """
        if not network.inputs:
            raise UserError(f"the student `{network.name}` reads no modality, so there is nothing to explain")
        values = {name: batch.inputs[name].float() for name in network.inputs}
        for name in values:
            check_explainable(name, schema.modalities[name])
        baselines = {name: _baseline(value, schema.modalities[name]) for name, value in values.items()}
        return cls(Scoring(network, batch, schema.task), values, baselines, schema.modalities, target)

    @property
    def images(self) -> list[str]:
        """The modalities that get a map."""
        return [name for name in self.values if is_image(self.schema[name])]

    def leaves(self) -> tuple[Tensor, ...]:
        """The values as leaves that require gradients."""
        return tuple(value.detach().clone().requires_grad_() for value in self.values.values())

    def alone(self, name: str) -> Any:
        """What is explained as a function of one modality, with the others as they are."""
        others = dict(self.values)

        def score(value: Tensor) -> Tensor:
            inputs = {**others, name: value}
            scores: Tensor = self.scoring(*(item.expand(len(value), *item.shape[1:]) for item in inputs.values()))
            return scores

        return score


def is_image(spec: ModalitySpec) -> bool:
    """Whether a modality gets a map."""
    return spec.kind in {"image", "volume"} and len(spec.shape) in _MAP_SHAPES


def check_explainable(name: str, spec: ModalitySpec) -> None:
    """Refuse what is neither an image nor a vector.

    Raises:
        UserError: naming the modality.
    """
    if not is_image(spec) and len(spec.shape) != 1:
        shape = "x".join(map(str, spec.shape))
        raise UserError(f"modality `{name}` is a {spec.kind} of {shape}; images, volumes and vectors can be explained")


def check_differentiable(subject: Subject, method: str) -> None:
    """Refuse networks without gradients.

    Raises:
        UserError: naming the method that works.
    """
    if not subject.scoring(*subject.leaves()).requires_grad:
        raise UserError(
            f"the student `{subject.scoring.network.name}` has no gradient, which `--method {method}` needs; use "
            f"`--method occlusion`"
        )


def captum(module: str) -> Any:
    """A module of Captum.

    Raises:
        UserError: if it is not installed.
    """
    return require(f"captum.{module}", extra="explain", purpose="an explanation")


def _baseline(value: Tensor, spec: ModalitySpec) -> Tensor:
    if not is_image(spec):
        return torch.zeros_like(value)
    return value.mean(dim=tuple(range(2, value.ndim)), keepdim=True).expand_as(value)
