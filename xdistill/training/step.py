"""One training step: forward through the networks, objective, backward, clip, update."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from xdistill.errors import NonFiniteLossError
from xdistill.experiment.missing import LEAST
from xdistill.experiment.plans import TrainPlan
from xdistill.interfaces.network import Network
from xdistill.recipe.schema.recipe import Optimizer as OptimizerSettings
from xdistill.training.forward import Alone
from xdistill.training.objective import Objective
from xdistill.types import Batch, Output


class Carried:
    """A batch on its way through Fabric, which would otherwise take it apart."""

    __slots__ = ("batch",)

    def __init__(self, batch: Batch) -> None:
        self.batch = batch


class StepModule(nn.Module):
    """The networks and the objective of a stage as one module.

    A network is handed ``batch.restricted_to(network.inputs)`` and nothing else: the student never holds a
    privileged modality.

    Args:
        networks: by role.
        objective: of the stage.
        trained: what learns, by dotted path.
        needs: modalities without which the teacher is not given a subject.
        compute: what a network says about a batch: computed here, or by several processes together.
    """

    def __init__(
        self,
        networks: Mapping[str, nn.Module],
        objective: Objective,
        trained: Sequence[str],
        needs: Sequence[str] = (),
        compute: Alone | None = None,
    ) -> None:
        super().__init__()
        self.needs = tuple(needs)
        self.compute = compute or Alone()
        self.networks = nn.ModuleDict(networks)
        self.objective = objective
        self.trained = frozenset(path.split(".")[0] for path in trained)
        self.inputs: dict[str, tuple[str, ...]] = {
            role: tuple(cast("Network", network).inputs) for role, network in networks.items()
        }

    def forward(self, carried: Carried) -> tuple[Tensor, dict[str, Tensor]]:
        """The total and each term's value."""
        outputs, taught = self.outputs(carried.batch)
        outputs = self.compute.cut(outputs)
        result: tuple[Tensor, dict[str, Tensor]] = (
            self.objective(outputs, carried.batch) if taught is None else self.objective(outputs, carried.batch, taught)
        )
        return result

    def outputs(self, batch: Batch, compute: Alone | None = None) -> tuple[Mapping[str, Output], Tensor | None]:
        """What the networks that the objective needs return, by role; and `places_taught`."""
        compute = compute or self.compute
        taught = places_taught(batch, self.needs)
        given = dict.fromkeys(self.objective.roles, batch)
        if "teacher" in given and taught is not None:
            if len(taught):
                given["teacher"] = batch.take(taught)
            else:
                del given["teacher"]
        asked = {
            role: partial(self._output, role, members.restricted_to(self.inputs[role]), compute)
            for role, members in given.items()
        }
        return compute.all(asked), taught

    def _output(self, role: str, given: Batch, compute: Alone) -> Output:
        with nullcontext() if role in self.trained else torch.no_grad():
            return compute(self.networks[role], given)


def places_taught(batch: Batch, needs: Sequence[str]) -> Tensor | None:
    """Places in the batch of the subjects that the teacher is given: those that have all it needs.

    None for everyone; nobody where that leaves fewer than two, since the statistics of one subject mean nothing.
    """
    if not needs:
        return None
    complete = torch.stack([batch.present[name] for name in needs]).all(dim=0)
    if bool(complete.all()):
        return None
    places = complete.nonzero().flatten()
    return places if len(places) >= LEAST else places[:0]


def set_modes(networks: Mapping[str, Network], train: Sequence[str]) -> None:
    """Train mode and gradients for what is trained; everything else is frozen in eval mode."""
    for network in networks.values():
        network.eval()
        network.requires_grad_(requires_grad=False)
    for path in train:
        role, _, part = path.partition(".")
        module = networks[role].get_submodule(part)
        module.train()
        module.requires_grad_(requires_grad=True)


def make_optimizer(module: nn.Module, settings: OptimizerSettings) -> Optimizer:
    """The stage's optimiser over everything that learns."""
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    decay = settings.weight_decay
    if settings.use == "sgd":
        return torch.optim.SGD(
            parameters, lr=settings.lr, momentum=settings.momentum, weight_decay=decay, fused=_fusible(parameters)
        )
    kind = torch.optim.AdamW if settings.use == "adamw" else torch.optim.Adam
    return kind(parameters, lr=settings.lr, weight_decay=decay, fused=_fusible(parameters))


def _fusible(parameters: Sequence[nn.Parameter]) -> bool | None:
    return True if all(parameter.device.type in {"cpu", "cuda"} for parameter in parameters) else None


def learning_rate(settings: OptimizerSettings, step: int, steps: int) -> float:
    """The learning rate of a step, counted from 0, of a stage of so many steps."""
    warm = int(settings.warmup * steps)
    if step < warm:
        return settings.lr * (step + 1) / warm
    progress = (step - warm) / max(1, steps - warm)
    if settings.schedule == "cosine":
        return settings.lr * 0.5 * (1 + math.cos(math.pi * progress))
    if settings.schedule == "linear":
        return settings.lr * (1 - progress)
    return settings.lr


class Stepper:
    """Does the steps of one stage.

    Args:
        fabric: device and precision.
        module: networks and objective, not yet set up.
        stage: what the stage says.
        steps: number of steps of the stage.
        place: fold, for messages.
    """

    def __init__(self, fabric: Fabric, module: StepModule, stage: TrainPlan, *, steps: int, place: str) -> None:
        self.fabric = fabric
        self.stage = stage
        self.steps = steps
        self.place = place
        self.module = module
        self.optimizer = make_optimizer(module, stage.optimizer)
        self._forward, self._optimizer = fabric.setup(module, self.optimizer, move_to_device=False)

    def step(self, batch: Batch, number: int, epoch: int) -> tuple[float, dict[str, Tensor]]:
        """One step; returns the total and each term's value.

        Raises:
            NonFiniteLossError: when the total is not finite; no weight has changed then.
        """
        settings = self.stage.optimizer
        rate = learning_rate(settings, number, self.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.module.compute.begin(number)
        total, parts = self._forward(Carried(batch))
        value = float(total.detach())
        if not math.isfinite(value):
            raise self._non_finite(parts, batch, epoch)
        self._optimizer.zero_grad(set_to_none=True)
        with self.module.compute.backward():
            self.fabric.backward(total)
        if settings.clip_norm is not None:
            self._clip(settings.clip_norm)
        self._optimizer.step()
        return value, parts

    def _clip(self, most: float) -> None:
        """Clip by the total norm; gradients that are short enough are not touched, which would take a pass over all."""
        precision = self.fabric.strategy.precision
        precision.unscale_gradients(self.optimizer)
        gradients = [value.grad for value in precision.main_params(self.optimizer) if value.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        if not float(norm) <= most:  # what is not finite is clipped as well, as torch does
            parameters = list(precision.main_params(self.optimizer))
            torch.nn.utils.clip_grads_with_norm_(parameters, most, norm)

    def _non_finite(self, parts: Mapping[str, Tensor], batch: Batch, epoch: int) -> NonFiniteLossError:
        bad = [f"{label} = {float(value)}" for label, value in parts.items() if not math.isfinite(float(value))]
        return NonFiniteLossError(
            f"the loss is not finite in fold {self.place}, stage {self.stage.name!r}, epoch {epoch}: "
            f"{', '.join(bad) or 'the weighted sum'}; subjects of the batch: {', '.join(batch.subjects)}. A lower "
            f"optimizer.lr, optimizer.clip_norm, or precision 32-true may help; look at these subjects' data too"
        )
