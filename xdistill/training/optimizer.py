"""Optimisers and learning rate schedules that recipes name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from xdistill.interfaces.fine_tuning import rate_factors
from xdistill.recipe.schema.recipe import Optimizer as OptimizerSettings
from xdistill.recipe.schema.recipe import TermOptimizer


def make_optimizer(
    module: nn.Module, settings: OptimizerSettings, own: Sequence[tuple[nn.Module, TermOptimizer]] = ()
) -> Optimizer:
    """The optimiser over all parameters that require gradients.

    Args:
        module: teacher, student and losses.
        settings: of the stage.
        own: modules within it with settings of their own, each of which becomes a group of parameters after the first.
    """
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    decay, fused = settings.weight_decay, _fusible(parameters)
    groups = _slower(_groups(parameters, own), rate_factors(module), settings.lr)
    if settings.use == "sgd":
        return SGD(groups, lr=settings.lr, momentum=settings.momentum, weight_decay=decay, fused=fused)
    kind = AdamW if settings.use == "adamw" else Adam
    return kind(groups, lr=settings.lr, weight_decay=decay, fused=fused)


def _groups(parameters: Sequence[nn.Parameter], own: Sequence[tuple[nn.Module, TermOptimizer]]) -> list[dict[str, Any]]:
    """The parameters without settings of their own, then those of each module with them."""
    groups: list[dict[str, Any]] = []
    taken: set[nn.Parameter] = set()
    for part, settings in own:
        mine = [parameter for parameter in part.parameters() if parameter.requires_grad and parameter not in taken]
        taken.update(mine)
        given = {name: value for name, value in settings.model_dump().items() if value is not None}
        groups.append({"params": mine, **given})
    return [{"params": [parameter for parameter in parameters if parameter not in taken]}, *groups]


def _slower(groups: list[dict[str, Any]], factors: Mapping[nn.Parameter, float], rate: float) -> list[dict[str, Any]]:
    """Parameters whose learning rate has a factor, such as those of pretrained layers, as groups after the others."""
    if not factors:
        return groups
    split: dict[tuple[int, float], list[nn.Parameter]] = {}
    for index, group in enumerate(groups):
        for parameter in group["params"]:
            split.setdefault((index, factors.get(parameter, 1.0)), []).append(parameter)
    plain = [{**group, "params": split.pop((index, 1.0), [])} for index, group in enumerate(groups)]
    slower = [
        {**groups[index], "params": parameters, "lr": groups[index].get("lr", rate) * factor}
        for (index, factor), parameters in sorted(split.items(), key=lambda item: item[0])
    ]
    return [*plain, *slower]


def make_scheduler(optimizer: Optimizer, settings: OptimizerSettings, *, steps: int) -> LambdaLR:
    """The learning rate schedule of a stage of so many steps, to be stepped after each."""
    return LambdaLR(optimizer, lambda step: learning_rate_factor(settings, step, steps))


def learning_rate_factor(settings: OptimizerSettings, step: int, steps: int) -> float:
    """What the learning rate is multiplied with at a step, counted from 0, of a stage of so many steps."""
    warmup = int(settings.warmup * steps)
    if step < warmup:
        return (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, steps - warmup))
    if settings.schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * progress))
    return 1 - progress if settings.schedule == "linear" else 1.0


def _fusible(parameters: Sequence[nn.Parameter]) -> bool | None:
    return True if all(parameter.device.type in {"cpu", "cuda"} for parameter in parameters) else None
