"""Losses of any kind as terms of an objective, for `distill`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from torch import Tensor, nn
from torch.nn.modules.loss import _Loss

from xdistill.errors import SettingsError
from xdistill.interfaces.loss import DistillationLoss, TaskLoss
from xdistill.training.objective import Term
from xdistill.types import Batch, Output, OutputSpec

Loss: TypeAlias = nn.Module | Callable[..., Tensor]


class OnTarget(nn.Module):
    """A loss of ``torch.nn``, called with a network's logits and the target."""

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss
        self.name = _snake(type(loss).__name__)

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """The loss of the logits."""
        if batch.target is None:
            raise SettingsError(f"the loss {self.name!r} needs a target, but the loader returns none")
        value: Tensor = self.loss(output.logits, batch.target)
        return value


class OnOutputs(nn.Module):
    """Any callable, called with the outputs of student and teacher and the batch."""

    def __init__(self, loss: Callable[..., Tensor]) -> None:
        super().__init__()
        self.loss = loss
        self.name = _snake(getattr(loss, "__name__", type(loss).__name__))
        self.needs_grad = bool(getattr(loss, "needs_grad", False))

    def forward(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        """The callable's value."""
        return self.loss(student, teacher, batch)


def make_terms(
    losses: Sequence[Loss | tuple[Loss, float]],
    teacher_losses: Sequence[Loss | tuple[Loss, float]],
    specs: Mapping[str, OutputSpec],
) -> list[Term]:
    """The terms of an objective.

    Args:
        losses: of the student; see `distill`.
        teacher_losses: task losses of the teacher.
        specs: shapes of what the networks return, by role.

    Raises:
        SettingsError: for a loss that does not fit the networks.
    """
    terms: list[Term] = []
    for role, given in (("student", losses), ("teacher", teacher_losses)):
        for item in given:
            loss, weight = item if isinstance(item, tuple) else (item, 1.0)
            terms.append(_term(loss, float(weight), role, specs, [term.label for term in terms]))
    if not any(term.weight > 0 for term in terms):
        raise SettingsError("there is no loss with a positive weight; pass at least one in `losses`")
    return terms


def _term(loss: Any, weight: float, role: str, specs: Mapping[str, OutputSpec], labels: Sequence[str]) -> Term:
    if not callable(loss):
        raise SettingsError(f"{loss!r} is not a loss; pass an object of xdistill.losses or torch.nn, or a function")
    module, on = _module(loss, role, specs)
    name = str(getattr(module, "name", _snake(type(module).__name__)))
    label = f"{name}:teacher" if on == "teacher" else name
    count = sum(other.partition("#")[0] == label for other in labels)
    if not on:
        if role == "teacher":
            raise SettingsError(f"the loss {name!r} compares student and teacher; pass it in `losses`")
        if "teacher" not in specs:
            raise SettingsError(f"the loss {name!r} needs a teacher; pass `teacher=`")
    return Term(module, label=f"{label}#{count + 1}" if count else label, on=on, weight=weight)


def _module(loss: Any, role: str, specs: Mapping[str, OutputSpec]) -> tuple[nn.Module, str]:
    """The loss as a module of a term, and the network that it is on; empty for one that compares two."""
    component = getattr(loss, "component", None)
    if isinstance(component, type) and issubclass(component, DistillationLoss):
        if "teacher" not in specs:
            raise SettingsError(f"the loss {component.name!r} needs a teacher; pass `teacher=`")
        return loss.build(student=specs["student"], teacher=specs["teacher"]), ""
    if isinstance(component, type) and issubclass(component, TaskLoss):
        return loss.build(output=specs[role]), role
    if isinstance(loss, TaskLoss):
        return loss, role
    if isinstance(loss, DistillationLoss):
        return loss, ""
    if isinstance(loss, _Loss):
        return OnTarget(loss), role
    return OnOutputs(loss), ""


def _snake(name: str) -> str:
    """A class name in lower case with underscores.

    >>> _snake("CrossEntropyLoss")
    'cross_entropy_loss'
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
