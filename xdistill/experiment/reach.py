"""Which parts of a network the terms of an objective train: a gradient through made-up outputs, and a trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from xdistill.experiment.dry_run import SUBJECTS, random_output
from xdistill.experiment.tracing import Trace
from xdistill.training.objective import LOGITS, Term
from xdistill.training.shapes import zeros
from xdistill.types import Batch, OutputSpec, Schema


@dataclass(frozen=True)
class Reads:
    """What of a network's output a term has a gradient for.

    Attributes:
        outputs: ``logits``, and names of auxiliary logits.
        taps: names of features.
    """

    outputs: frozenset[str]
    taps: frozenset[str]

    def meets(self, trace: Trace) -> bool:
        """Whether something of it depends on the traced part."""
        return bool(self.outputs & trace.outputs or self.taps & trace.taps)


def reads(terms: Sequence[Term], role: str, specs: Mapping[str, OutputSpec], schema: Schema) -> list[Reads]:
    """What each term with a gradient for a network's output reads of it.

    Terms that differentiate through the networks are left out: they need real ones.

    Args:
        terms: with their losses built, on the CPU.
        role: of the network.
        specs: of the networks' outputs, by role.
        schema: of the cohort.
    """
    batch = replace(zeros(schema, size=SUBJECTS, device="cpu"), target=schema.task.sample_targets(SUBJECTS))
    return [_reads(term, role, specs, batch) for term in terms if role in term.roles and not term.needs_grad]


def _reads(term: Term, role: str, specs: Mapping[str, OutputSpec], batch: Batch) -> Reads:
    with torch.random.fork_rng(devices=()), torch.enable_grad():
        outputs = {name: random_output(specs[name], "cpu") for name in term.roles}
        outputs[role] = outputs[role].each(lambda value: value.requires_grad_())
        value = term(outputs, batch)
        own = outputs[role]
        named = {LOGITS: own.logits, **own.aux}
        return Reads(_with_gradient(value, named), _with_gradient(value, own.features))


def _with_gradient(value: Tensor, inputs: Mapping[str, Tensor]) -> frozenset[str]:
    if not inputs or not value.requires_grad:
        return frozenset()
    found: Sequence[Tensor | None] = torch.autograd.grad(
        value, list(inputs.values()), retain_graph=True, allow_unused=True
    )
    return frozenset(name for name, gradient in zip(inputs, found, strict=True) if gradient is not None)
