"""The objective of a stage: a weighted sum of task losses and distillation losses."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from xdistill.errors import PluginError, XdistillError
from xdistill.experiment.plans import TermPlan
from xdistill.interfaces.loss import TrainingFacts
from xdistill.training.memory import ran_out_of_memory
from xdistill.types import Batch, Output, OutputSpec


class Term(nn.Module):
    """One term: a loss and what it is put on."""

    def __init__(self, plan: TermPlan, loss: nn.Module) -> None:
        super().__init__()
        self.plan = plan
        self.loss = loss

    @property
    def needs_teacher(self) -> bool:
        """Whether it looks at the teacher's output."""
        return "teacher" in self.plan.roles

    def forward(self, outputs: Mapping[str, Output], batch: Batch) -> Tensor:
        """The term's value, without its weight.

        Raises:
            PluginError: when the loss raises something that is no message to the user, with the line where it did.
        """
        try:
            return self._value(outputs, batch)
        except XdistillError:
            raise
        except Exception as error:
            if ran_out_of_memory(error):
                raise  # who runs the fold says what to lower
            raise PluginError(
                f"the loss {self.plan.choice.use!r} (term {self.plan.label!r}) failed with {type(error).__name__}: "
                f"{error}{_where(error, type(self.loss))}"
            ) from error

    def _value(self, outputs: Mapping[str, Output], batch: Batch) -> Tensor:
        if self.plan.on:
            scored: Tensor = self.loss(_scored(outputs[self.plan.on], self.plan.output), batch)
            return scored
        teacher = outputs["teacher"].detached() if self.plan.detach_teacher else outputs["teacher"]
        distilled: Tensor = self.loss(outputs["student"], teacher, batch)
        return distilled


def _where(error: Exception, loss: type[nn.Module]) -> str:
    """The last line of the loss's own package that the error passed; empty when there is none."""
    package = loss.__module__.partition(".")[0]
    places = [
        f" ({frame.f_code.co_filename}, line {line})"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] == package
    ]
    return places[-1] if places else ""


def _scored(output: Output, name: str) -> Output:
    return output if name == "logits" else replace(output, logits=output.aux[name])


def build_term(plan: TermPlan, specs: Mapping[str, OutputSpec], training: TrainingFacts) -> Term:
    """The term with its loss built for these networks.

    Raises:
        SettingsError: when the loss refuses its settings or the networks' shapes.
    """
    if plan.on:
        return Term(plan, plan.choice.build(output=specs[plan.on], training=training))
    return Term(plan, plan.choice.build(student=specs["student"], teacher=specs["teacher"]))


class Objective(nn.Module):
    """The weighted sum of a stage's terms; terms of weight zero are not computed."""

    def __init__(self, terms: Sequence[Term]) -> None:
        super().__init__()
        self.terms = nn.ModuleList(terms)
        self.active = [term for term in terms if term.plan.weight > 0]

    @property
    def roles(self) -> tuple[str, ...]:
        """The networks whose output some term needs."""
        needed = {role for term in self.active for role in term.plan.roles}
        return tuple(role for role in ("teacher", "student") if role in needed)

    def forward(
        self, outputs: Mapping[str, Output], batch: Batch, taught: Tensor | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The sum, and each term's value without its weight, by label; arguments as for `values`."""
        values = self.values(outputs, batch, taught)
        weights = {term.plan.label: term.plan.weight for term in self.active}
        total = torch.stack([weights[label] * value for label, value in values.items()]).sum()
        return total, {label: value.detach() for label, value in values.items()}

    def values(self, outputs: Mapping[str, Output], batch: Batch, taught: Tensor | None = None) -> dict[str, Tensor]:
        """Each term's value without its weight, by label.

        Args:
            outputs: by role; the teacher's of the subjects that it was given, or none.
            batch: all subjects.
            taught: places in the batch of the subjects that the teacher was given; None: everyone. What involves the
                teacher is the mean over these, and is left out where there is no output of the teacher.
        """
        terms = [term for term in self.active if "teacher" in outputs or not term.needs_teacher]
        shared, members = (outputs, batch) if taught is None else _of(outputs, batch, taught)
        return {
            term.plan.label: term(shared, members) if term.needs_teacher else term(outputs, batch) for term in terms
        }


def _of(outputs: Mapping[str, Output], batch: Batch, taught: Tensor) -> tuple[Mapping[str, Output], Batch]:
    """The subjects that the teacher was given, alone."""
    if "teacher" not in outputs:
        return outputs, batch
    return {role: output if role == "teacher" else output.take(taught) for role, output in outputs.items()}, batch.take(
        taught
    )
