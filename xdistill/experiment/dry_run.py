"""A dry run of a loss term on random outputs, so that its problems are reported before training starts."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from math import prod

import torch
from torch import Tensor

from xdistill.errors import XdistillError
from xdistill.experiment.networks import SMALL, zeros
from xdistill.training.objective import Term
from xdistill.types import Output, OutputSpec, Schema

SUBJECTS = 4


def dry_run(term: Term, specs: Mapping[str, OutputSpec], schema: Schema) -> str:
    """The problem of a term; empty when it returns a scalar.

    Args:
        term: with its loss built, on the CPU.
        specs: of the networks' outputs, by role.
        schema: of the cohort.
    """
    wrong = ""
    for device in _devices(specs, schema):
        try:
            with torch.random.fork_rng(devices=()):
                value = _called(term, specs, schema, device)
        except XdistillError as error:
            wrong = str(error)
        else:
            wrong = _not_a_scalar(value)
            wrong = wrong and f"the loss `{term.plan.choice.use}` (term `{term.plan.label}`) {wrong}"
        if not wrong:
            break
    return wrong


def _devices(specs: Mapping[str, OutputSpec], schema: Schema) -> tuple[str, ...]:
    """The meta device first for large outputs, then the CPU for losses that need values; the CPU for small ones.

    The meta device makes torch load a thousand more modules, which takes seconds: longer than small outputs do.
    """
    numbers = sum(prod(spec.shape) for spec in schema.modalities.values())
    numbers += sum(prod(shape) for spec in specs.values() for shape in spec.features.values())
    return ("cpu",) if numbers < SMALL else ("meta", "cpu")


def _called(term: Term, specs: Mapping[str, OutputSpec], schema: Schema, device: str) -> object:
    outputs = {role: _random_output(spec, device) for role, spec in specs.items()}
    target = torch.zeros(SUBJECTS, dtype=torch.int64, device=device)
    batch = replace(zeros(schema, size=SUBJECTS, device=device), target=target)
    return copy.deepcopy(term).to(device)(outputs, batch)


def _random_output(spec: OutputSpec, device: str) -> Output:
    def drawn(*shape: int) -> Tensor:
        return torch.randn((SUBJECTS, *shape), device=device)

    return Output(
        logits=drawn(spec.classes),
        features={name: drawn(*shape) for name, shape in spec.features.items()},
        aux={name: drawn(spec.classes) for name in spec.aux},
    )


def _not_a_scalar(value: object) -> str:
    if not isinstance(value, Tensor):
        return f"should return a tensor, got {type(value).__name__}"
    if value.dim():
        return f"should return a scalar, got a tensor of shape {tuple(value.shape)}; take the mean"
    return ""
