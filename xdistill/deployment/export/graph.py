"""The function that an exported file computes, as a PyTorch module."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from xdistill.deployment.export.plan import InputPlan
from xdistill.interfaces.fitted import Estimator
from xdistill.models.calibration.temperature import SMALLEST
from xdistill.models.ensemble import Ensemble, Member
from xdistill.types import Batch


class StudentGraph(nn.Module):
    """From named inputs to calibrated predictions: transforms, networks, mean over members, temperature.

    ``forward`` takes a dictionary with each modality by name, ``(batch, *shape)``, and ``<modality>_present``,
    ``(batch,)`` bool, for those that are optional. It returns ``(batch, columns)`` in float32.

    Args:
        model: on the CPU.
        inputs: of the file.
    """

    def __init__(self, model: Ensemble, inputs: Sequence[InputPlan]) -> None:
        super().__init__()
        self.inputs = tuple(inputs)
        self.tasks = [member.transforms.schema.task for member in model.members]  # as fitted
        self.temperature = 1.0 if model.calibration is None else float(model.calibration.temperature)
        self.members = nn.ModuleList(_MemberGraph(member, self.inputs) for member in model.members)
        self.eval().requires_grad_(requires_grad=False)

    def forward(self, values: Mapping[str, Tensor]) -> Tensor:
        """Predictions of a batch."""
        found = [task.predict(member(values)) for task, member in zip(self.tasks, self.members, strict=True)]
        predicted = torch.stack(found).mean(dim=0)
        if self.temperature == 1.0:
            return predicted
        return (predicted.clamp(SMALLEST, 1.0).log() / self.temperature).softmax(dim=1)

    def example(self, subjects: int) -> dict[str, Tensor]:
        """Inputs of the right shapes and types: zeros, everything present."""
        found: dict[str, Tensor] = {}
        for plan in self.inputs:
            found[plan.name] = torch.zeros(subjects, *plan.spec.shape, dtype=getattr(torch, plan.dtype))
            if plan.optional:
                found[plan.mask] = torch.ones(subjects, dtype=torch.bool)
        return found


class _MemberGraph(nn.Module):
    """The logits of one network, from values before its transforms."""

    def __init__(self, member: Member, inputs: Sequence[InputPlan]) -> None:
        super().__init__()
        self.inputs = tuple(inputs)
        self.transforms = nn.ModuleList(_transform(member, plan) for plan in inputs)
        self.network = _traceable(member.network)

    def forward(self, values: Mapping[str, Tensor]) -> Tensor:
        prepared, present = {}, {}
        for plan, transform in zip(self.inputs, self.transforms, strict=True):
            value = transform(values[plan.name]).float()
            if plan.optional:
                known = values[plan.mask]
                value = torch.where(known.reshape(-1, *(1,) * (value.ndim - 1)), value, 0.0)
            else:
                known = torch.ones_like(value.flatten(1)[:, 0], dtype=torch.bool)
            prepared[plan.name], present[plan.name] = value, known
        logits: Tensor = self.network(Batch(prepared, present, ("",))).logits
        return logits


def _transform(member: Member, plan: InputPlan) -> nn.Module:
    steps = () if plan.transformed else member.transforms.of(plan.name)
    modules = [module for module in (step.as_module() for step in steps) if module is not None]
    return nn.Sequential(*modules)


def _traceable(network: nn.Module) -> nn.Module:
    """A copy of a network whose estimators do the same for all values."""
    network = copy.deepcopy(network).cpu()
    found = [(path, module) for path, module in network.named_modules() if isinstance(module, Estimator)]
    for path, module in found:
        parent, _, name = path.rpartition(".")
        setattr(network.get_submodule(parent), name, module.traceable())
    return network
