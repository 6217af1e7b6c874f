"""Optimisers and learning rate schedules that recipes name."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from xdistill.recipe.schema.recipe import Optimizer as OptimizerSettings


def make_optimizer(module: nn.Module, settings: OptimizerSettings) -> Optimizer:
    """The optimiser over all parameters that require gradients."""
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    decay, fused = settings.weight_decay, _fusible(parameters)
    if settings.use == "sgd":
        return SGD(parameters, lr=settings.lr, momentum=settings.momentum, weight_decay=decay, fused=fused)
    kind = AdamW if settings.use == "adamw" else Adam
    return kind(parameters, lr=settings.lr, weight_decay=decay, fused=fused)


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
