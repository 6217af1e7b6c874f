"""Rules that make one gradient of the terms' gradients."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from xdistill.errors import SettingsError
from xdistill.interfaces import Callback


class GradientRule(Callback):
    """A callback in place of the backward pass: it differentiates the terms one by one, and combines the gradients.

    A term is a loss of the stage's objective times its weight. The gradients are over all parameters that are trained,
    those of a network that a term does not reach are zero. A stage with a single term is trained as without the rule.
    Each term costs a backward pass, and memory for a gradient.

    Raises:
        SettingsError: with several devices for one fold, and with two rules in a recipe.
    """

    def on_train_begin(self, trainer: Any) -> None:
        """Take the place of the backward pass."""
        if trainer.fabric.world_size > 1:
            raise SettingsError(f"{self.name} works on one device per fold; leave out --devices")
        rules = [callback.name for callback in trainer.callbacks if isinstance(callback, GradientRule)]
        if len(rules) > 1:
            raise SettingsError(f"{' and '.join(rules)} both compute the gradients; keep one of these callbacks")

        def gradients(losses: Any) -> None:
            self.differentiate(trainer, losses)

        trainer.gradients = gradients

    def on_train_end(self, trainer: Any) -> None:
        """Give the place back."""
        trainer.gradients = trainer.gradients_of_total

    def differentiate(self, trainer: Any, losses: Any) -> None:
        """Set the gradients of the parameters."""
        terms = [value for value in losses.weighted.values() if value.requires_grad]
        if len(terms) <= 1:
            trainer.gradients_of_total(losses)
            return
        parameters = [value for value in trainer.model.parameters() if value.requires_grad]
        rows, reached = [], [False] * len(parameters)
        for index, term in enumerate(terms):
            trainer.fabric.backward(term, retain_graph=index + 1 < len(terms))
            reached = [before or value.grad is not None for before, value in zip(reached, parameters, strict=True)]
            rows.append(_taken(parameters))
        _set(parameters, reached, self.combined(torch.stack(rows), step=trainer.step))

    @abstractmethod
    def combined(self, gradients: Float[Tensor, "terms numbers"], *, step: int) -> Float[Tensor, " numbers"]:
        """The gradient to use; without conflicts the sum of all.

        Args:
            gradients: one row per term.
            step: of the stage, from 0.
        """


def _taken(parameters: Sequence[nn.Parameter]) -> Float[Tensor, " numbers"]:
    """The gradients as one vector; the parameters have none afterwards."""
    parts = []
    for parameter in parameters:
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        parts.append(gradient.detach().float().flatten())
        parameter.grad = None
    return torch.cat(parts)


def _set(parameters: Sequence[nn.Parameter], reached: Sequence[bool], gradient: Float[Tensor, " numbers"]) -> None:
    begin = 0
    for parameter, used in zip(parameters, reached, strict=True):
        part = gradient[begin : begin + parameter.numel()]
        begin += parameter.numel()
        parameter.grad = part.view_as(parameter).to(parameter.dtype) if used else None
