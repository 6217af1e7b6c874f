"""Which outputs of the networks the terms of an objective use, and which parts of the networks they train."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from xdistill.experiment.stages.dry_run import SUBJECTS, random_output
from xdistill.experiment.stages.plans import TermPlan
from xdistill.experiment.stages.tracing import Trace, trace
from xdistill.interfaces.network import Network
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


def taught(term: TermPlan) -> tuple[str, ...]:
    """The networks that a term has a gradient for."""
    if term.on:
        return (term.on,)
    return (term.teaches,) if term.detach_teacher else ("teacher", "student")


def output_of(term: TermPlan, role: str) -> str:
    """Which logits of a network a term uses; of a distillation loss, `output` names the teacher's."""
    return term.output if role == (term.on or "teacher") else LOGITS


def wrongly_taught(term: TermPlan, trains: Collection[str]) -> str:
    """Why a term cannot teach the teacher; empty if it can, or does not.

    It has to be a distillation loss, in a stage that trains the teacher.
    """
    if term.teaches == "student":
        return ""
    if term.on:
        return f"`{term.choice.use}` scores a single network, and no network teaches another; leave out `teaches`"
    return "" if term.teaches in trains else f"`{term.choice.use}` teaches the teacher, which this stage does not train"


def unused_optimizer(plan: TermPlan, term: Term) -> str:
    """Why the optimiser settings of a term have no effect; empty if they do, or there are none."""
    if plan.optimizer is None or list(term.parameters()):
        return ""
    return f"`{term.loss_name}` has no parameters of its own; leave out `optimizer`"


def unreached(
    paths: Sequence[str],
    terms: Sequence[Term],
    networks: Mapping[str, Network],
    specs: Mapping[str, OutputSpec],
    schema: Schema,
) -> Iterator[str]:
    """Messages about parts that a stage trains, such as a member of several teachers, and no loss has a gradient for.

    Args:
        paths: dotted paths of what the stage trains.
        terms: of its objective, with their losses built.
        networks: by role.
        specs: of their outputs.
        schema: of the cohort.
    """
    for path in paths:
        role, _, part = path.partition(".")
        if not part or any(term.needs_grad for term in terms):
            continue
        seen = trace(networks[role], schema, [part])
        if not any(found.meets(seen) for found in reads(terms, role, specs, schema)):
            known = ", ".join(f"`{name}`" for name in (LOGITS, *specs[role].aux) if name in seen.outputs)
            yield f"no loss in the objective depends on `{path}`; outputs that depend on it: {known or 'none'}"


def reads(terms: Sequence[Term], role: str, specs: Mapping[str, OutputSpec], schema: Schema) -> list[Reads]:
    """What each term with a gradient for a network's output reads of it.

    Args:
        terms: with their losses built, on the CPU.
        role: of the network.
        specs: of the networks' outputs, by role.
        schema: of the cohort.
    """
    batch = replace(zeros(schema, size=SUBJECTS, device="cpu"), target=schema.task.sample_targets(SUBJECTS))
    return [_reads(term, role, specs, batch) for term in terms if role in term.roles]


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
