"""The objective of a stage: a weighted sum of task losses and distillation losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from xdistill.engine.experiment import TermPlan
from xdistill.interfaces.loss import DistillationLoss, TaskLoss, TrainingFacts
from xdistill.types import Batch, Output, OutputSpec


class Term(nn.Module):
    """One term: a loss and what it is put on."""

    def __init__(self, plan: TermPlan, loss: TaskLoss | DistillationLoss) -> None:
        super().__init__()
        self.plan = plan
        self.loss = loss

    def forward(self, outputs: Mapping[str, Output], batch: Batch) -> Tensor:
        """The term's value, without its weight."""
        if self.plan.on:
            scored: Tensor = self.loss(_scored(outputs[self.plan.on], self.plan.output), batch)
            return scored
        teacher = outputs["teacher"].detached() if self.plan.detach_teacher else outputs["teacher"]
        distilled: Tensor = self.loss(outputs["student"], teacher, batch)
        return distilled


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

    def forward(self, outputs: Mapping[str, Output], batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The sum, and each term's value without its weight, by label."""
        parts = {term.plan.label: term(outputs, batch) for term in self.active}
        total = torch.stack([term.plan.weight * parts[term.plan.label] for term in self.active]).sum()
        return total, {label: value.detach() for label, value in parts.items()}
