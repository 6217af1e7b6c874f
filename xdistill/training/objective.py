"""The objective of a stage: a weighted sum of task losses and distillation losses."""

from __future__ import annotations

import traceback
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from xdistill.errors import PluginError, XdistillError
from xdistill.training.memory import ran_out_of_memory
from xdistill.types import Batch, Output, OutputSpec

LOGITS = "logits"
"""What recipes call the logits that are not auxiliary."""
T = TypeVar("T")


class Term(nn.Module):
    """One term of an objective: a loss, the outputs that it compares, and its weight.

    Args:
        loss: a task loss, called with one network's output and the batch; or a distillation loss, called with the
            outputs of student and teacher and the batch.
        label: unique within the objective.
        on: the network that a task loss is computed for; empty for a distillation loss.
        weight: factor in the sum.
        output: ``logits``, or the name of auxiliary logits: those that a task loss is computed for, or those of the
            teacher that a distillation loss gets; see `output_part`.
        detach_teacher: whether a distillation loss gets the output of the network that teaches detached from its graph.
        teaches: the network that learns from a distillation loss. For ``teacher`` the loss is called with the roles
            swapped: the student teaches the teacher, as in mutual learning.
    """

    def __init__(
        self,
        loss: nn.Module,
        *,
        label: str,
        on: str = "",
        weight: float = 1.0,
        output: str = LOGITS,
        detach_teacher: bool = True,
        teaches: str = "student",
    ) -> None:
        super().__init__()
        self.loss = loss
        self.label = label
        self.on = on
        self.weight = weight
        self.output = output
        self.detach_teacher = detach_teacher
        self.teaches = teaches

    @property
    def roles(self) -> tuple[str, ...]:
        """The networks whose outputs this term needs."""
        return (self.on,) if self.on else ("teacher", "student")

    @property
    def needs_teacher(self) -> bool:
        """Whether this term needs the teacher's output."""
        return "teacher" in self.roles

    @property
    def needs_grad(self) -> bool:
        """Whether the loss differentiates through the networks; see `DistillationLoss.needs_grad`."""
        return bool(getattr(self.loss, "needs_grad", False))

    def forward(self, outputs: Mapping[str, Output], batch: Batch) -> Tensor:
        """The term's value, without its weight.

        Raises:
            PluginError: if the loss raises an unexpected error, with the file and line that raised it.
        """
        try:
            return self._value(outputs, batch)
        except XdistillError:
            raise
        except Exception as error:
            if ran_out_of_memory(error):
                raise  # the fold explains what to lower
            raise PluginError(
                f"the loss {self.loss_name!r} (term {self.label!r}) failed with {type(error).__name__}: {error}"
                f"{raised_in(error, getattr(self.loss, 'loss', self.loss))}"
            ) from error

    @property
    def loss_name(self) -> str:
        """The name of the loss, for messages."""
        return str(getattr(self.loss, "name", type(self.loss).__name__))

    def _value(self, outputs: Mapping[str, Output], batch: Batch) -> Tensor:
        if self.on:
            scored: Tensor = self.loss(output_part(outputs[self.on], self.output), batch)
            return scored
        student, teacher = outputs["student"], output_part(outputs["teacher"], self.output)
        learner, guide = (teacher, student) if self.teaches == "teacher" else (student, teacher)
        if self.detach_teacher and not self.needs_grad:
            guide = guide.detached()
        distilled: Tensor = self.loss(learner, guide, batch)
        return distilled


def raised_in(error: Exception, component: Any) -> str:
    """File and line of the component's own package that raised an error, for messages; empty if there is none."""
    package = str(component.__module__).partition(".")[0]
    lines = [
        f" ({frame.f_code.co_filename}, line {line})"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] == package
    ]
    return lines[-1] if lines else ""


class Objective(nn.Module):
    """The weighted sum of terms; terms of weight zero are not computed."""

    def __init__(self, terms: Sequence[Term]) -> None:
        super().__init__()
        self.terms = nn.ModuleList(terms)
        self.active = [term for term in terms if term.weight > 0]

    @property
    def roles(self) -> tuple[str, ...]:
        """The networks whose outputs some term needs."""
        needed = {role for term in self.active for role in term.roles}
        return tuple(role for role in ("teacher", "student") if role in needed)

    @property
    def needs_grad(self) -> bool:
        """Whether some term differentiates through the networks."""
        return any(term.needs_grad for term in self.active)

    def total(self, values: Mapping[str, Tensor]) -> Tensor:
        """The weighted sum of the terms' values, which `forward` returns by label."""
        weights = {term.label: term.weight for term in self.active}
        if not values:  # a batch without any subject that a term uses changes nothing
            return torch.zeros((), requires_grad=True)
        return torch.stack([weights[label] * value for label, value in values.items()]).sum()

    def forward(self, outputs: Mapping[str, Output], batch: Batch, taught: Tensor | None = None) -> dict[str, Tensor]:
        """Each term's value without its weight, by label.

        Args:
            outputs: by role; the teacher's for the subjects that it was given, or none.
            batch: all subjects.
            taught: indices in the batch of the subjects that the teacher was given; None: all of them. Terms that need
                the teacher are means over these subjects, and are left out if there is no output of the teacher.

        Task losses are means over the labelled subjects, and are left out if there are none.
        """
        everyone = _Subjects(outputs, batch)
        members = everyone.taught(taught)
        values: dict[str, Tensor] = {}
        for term in self.active:
            subjects = members if term.needs_teacher else everyone
            if batch.labelled is not None:
                subjects = subjects.labelled() if term.on else subjects.without_target()
            if len(subjects.batch) and (not term.needs_teacher or "teacher" in outputs):
                values[term.label] = term(subjects.outputs, subjects.batch)
        return values

    def sizes(self, labels: Collection[str], batch: Batch, taught: Tensor | None = None) -> dict[str, int]:
        """Number of subjects that each of some terms is a mean over, by label; see `forward`."""
        everyone = _Subjects({}, batch)
        members = everyone if taught is None else _Subjects({}, batch.take(taught))
        sizes = {}
        for term in self.active:
            subjects = members if term.needs_teacher else everyone
            if term.label in labels:
                sizes[term.label] = len((subjects.labelled() if term.on else subjects).batch)
        return sizes


class _Subjects(NamedTuple):
    """Some subjects of a batch, and what the networks return for them."""

    outputs: Mapping[str, Output]
    batch: Batch

    def taught(self, indices: Tensor | None) -> _Subjects:
        """Those that the teacher was given; its output is for these already."""
        if indices is None or "teacher" not in self.outputs:
            return self
        outputs = {role: value if role == "teacher" else value.take(indices) for role, value in self.outputs.items()}
        return _Subjects(outputs, self.batch.take(indices))

    def labelled(self) -> _Subjects:
        """Those that have a label."""
        if self.batch.labelled is None or bool(self.batch.labelled.all()):
            return self
        indices = self.batch.labelled.nonzero().flatten()
        own = {role: value for role, value in self.outputs.items() if len(value.logits) == len(self.batch)}
        return _Subjects({role: value.take(indices) for role, value in own.items()}, self.batch.take(indices))

    def without_target(self) -> _Subjects:
        """The same, for losses that may not use a label."""
        return self._replace(batch=replace(self.batch, target=None))


def output_part(output: Output, name: str) -> Output:
    """The output with the auxiliary logits of this name as its logits.

    A network of several members calls their features ``<name>.<tap>``; in the result they are also called ``<tap>``.

    Args:
        output: of a network.
        name: of auxiliary logits; ``logits``: the output as it is.

    Raises:
        KeyError: if there are no such logits.
    """
    if name == LOGITS:
        return output
    return replace(output, logits=output.aux[name], features=_features(output.features, name))


def spec_part(spec: OutputSpec, name: str) -> OutputSpec:
    """The shapes of `output_part`."""
    return spec if name == LOGITS else OutputSpec(spec.outputs, _features(spec.features, name), spec.aux)


def _features(features: Mapping[str, T], name: str) -> dict[str, T]:
    own = {tap.removeprefix(f"{name}."): value for tap, value in features.items() if tap.startswith(f"{name}.")}
    return {**features, **own}
