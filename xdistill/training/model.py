"""Teacher, student and objective as one module. This is where each network's input is restricted to its modalities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from types import MappingProxyType
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from xdistill.interfaces.fine_tuning import rate_factors
from xdistill.interfaces.network import Network
from xdistill.training.forward import Forward
from xdistill.training.objective import Objective
from xdistill.types import MIN_SUBJECTS, Batch, Output


class Opaque:
    """A batch that Fabric passes through as it is: it converts the fields of dataclasses, and rejects frozen ones."""

    __slots__ = ("batch",)

    def __init__(self, batch: Batch) -> None:
        self.batch = batch


class Losses(NamedTuple):
    """What a training step computes.

    Attributes:
        total: the weighted sum, a scalar.
        terms: each term's value without its weight, by label.
        sizes: number of subjects that each term is a mean over.
        weighted: each term's value times its weight, with its graph, for a `Trainer.gradients` that differentiates
            the terms one by one.
    """

    total: Tensor
    terms: dict[str, Tensor]
    sizes: dict[str, int]
    weighted: Mapping[str, Tensor] = MappingProxyType({})


class DistillationModel(nn.Module):
    """The networks and the objective of a stage.

    A network is called with ``batch.restricted_to(network.inputs)`` and nothing else: the student never gets a
    privileged modality.

    Args:
        networks: by role.
        objective: of the stage.
        trained: what learns, as dotted paths such as ``student`` or ``teacher.head``.
        required: modalities without which a subject is not passed to the teacher.
        forward: how outputs are computed: in this process, compiled, or in shares by several processes.
    """

    def __init__(
        self,
        networks: Mapping[str, nn.Module],
        objective: Objective,
        trained: Sequence[str],
        *,
        required: Sequence[str] = (),
        forward: Forward | None = None,
    ) -> None:
        super().__init__()
        self.networks = nn.ModuleDict(networks)
        self.objective = objective
        self.trained = frozenset(path.partition(".")[0] for path in trained)
        self.required = tuple(required)
        self.compute = forward or Forward()
        self.inputs: dict[str, tuple[str, ...]] = {
            role: tuple(cast("Network", network).inputs) for role, network in networks.items()
        }

    def forward(self, opaque: Opaque) -> Losses:
        """The losses of a batch."""
        batch = opaque.batch.with_gradients() if self.objective.needs_grad else opaque.batch
        taught = complete_subjects(batch, self.required)
        values: dict[str, Tensor] = self.objective(self.outputs(batch, taught), batch, taught)
        used = [term for term in self.objective.active if term.label in values]
        sizes = self.objective.sizes(values, batch, taught)
        terms = {label: value.detach() for label, value in values.items()}
        weighted = {term.label: term.weight * values[term.label] for term in used}
        return Losses(self.objective.total(values), terms, sizes, weighted)

    def outputs(self, batch: Batch, taught: Tensor | None = None, compute: Forward | None = None) -> dict[str, Output]:
        """The outputs that the objective needs, by role.

        Args:
            batch: all subjects.
            taught: indices of the subjects that are passed to the teacher; None: all of them. If there are none, the
                teacher is not called.
            compute: in place of the model's own.
        """
        outputs: dict[str, Output] = {}
        for role in self.objective.roles:
            members = batch
            if role == "teacher" and taught is not None:
                if not len(taught):
                    continue
                members = batch.take(taught)
            graph = role in self.trained or self.objective.needs_grad
            with nullcontext() if graph else torch.no_grad():
                outputs[role] = (compute or self.compute)(self.networks[role], members.restricted_to(self.inputs[role]))
        return outputs


def complete_subjects(batch: Batch, required: Sequence[str]) -> Tensor | None:
    """Indices of the subjects that have all required modalities; None if all have.

    Fewer than two subjects count as none, because batch statistics of one subject are meaningless.
    """
    if not required:
        return None
    complete = torch.stack([batch.present[name] for name in required]).all(dim=0)
    if bool(complete.all()):
        return None
    indices = complete.nonzero().flatten()
    return indices if len(indices) >= MIN_SUBJECTS else indices[:0]


def set_modes(networks: Mapping[str, nn.Module], train: Sequence[str]) -> None:
    """Train mode and gradients for what is trained; everything else, and what a `FineTuned` freezes, is frozen."""
    for network in networks.values():
        network.eval()
        network.requires_grad_(requires_grad=False)
    for path in train:
        role, _, part = path.partition(".")
        module = networks[role].get_submodule(part)
        module.train()
        module.requires_grad_(requires_grad=True)
        for parameter, factor in rate_factors(module).items():
            parameter.requires_grad = factor > 0
