"""Calling a term once on made-up outputs, so that one that cannot work is told before anything is trained."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from math import prod

import torch
from torch import Tensor

from xdistill.errors import XdistillError
from xdistill.experiment.networks import SMALL
from xdistill.training.objective import Term
from xdistill.training.shapes import zeros
from xdistill.types import Batch, Output, OutputSpec, Schema

SUBJECTS = 4


def rehearse(term: Term, specs: Mapping[str, OutputSpec], schema: Schema) -> str:
    """What is wrong with a term; empty when it returns a scalar.

    Args:
        term: with its loss built, on a processor.
        specs: of what the networks return, by role.
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
            wrong = _unlike_a_scalar(value)
            wrong = wrong and f"the loss {term.loss_name!r} (term {term.label!r}) {wrong}"
        if not wrong:
            break
    return wrong


def _devices(specs: Mapping[str, OutputSpec], schema: Schema) -> tuple[str, ...]:
    """Large outputs without arithmetic, and with it where a loss does not bear that; small ones with it at once.

    For what needs no arithmetic torch loads a thousand modules more, which takes seconds: longer than small outputs do.
    """
    numbers = sum(prod(spec.shape) for spec in schema.modalities.values())
    numbers += sum(prod(shape) for spec in specs.values() for shape in spec.features.values())
    return ("cpu",) if numbers < SMALL else ("meta", "cpu")


def _called(term: Term, specs: Mapping[str, OutputSpec], schema: Schema, device: str) -> object:
    target = torch.zeros(SUBJECTS, dtype=torch.int64, device=device)
    batch = replace(zeros(schema, size=SUBJECTS, device=device), target=target)
    if term.needs_grad:
        batch = batch.with_gradients()
    outputs = {role: _made_up(spec, batch) for role, spec in specs.items()}
    return copy.deepcopy(term).to(device)(outputs, batch)


def _made_up(spec: OutputSpec, batch: Batch) -> Output:
    """Random features that depend on the inputs, and logits that depend on inputs and features, as in a network."""
    base = torch.stack([value.float().flatten(1).mean(dim=1) for value in batch.inputs.values()]).sum(dim=0)

    def drawn(*shape: int) -> Tensor:
        noise = torch.randn((SUBJECTS, *shape), device=base.device)
        return noise + base.reshape(-1, *[1] * len(shape))

    features = {name: drawn(*shape) for name, shape in spec.features.items()}
    reached = sum((value.flatten(1).mean(dim=1, keepdim=True) for value in features.values()), base[:, None])
    return Output(
        logits=drawn(spec.classes) + reached, features=features, aux={name: drawn(spec.classes) for name in spec.aux}
    )


def _unlike_a_scalar(value: object) -> str:
    if not isinstance(value, Tensor):
        return f"has to return a tensor, and returned {type(value).__name__}"
    if value.dim():
        return f"has to return a scalar, and returned a tensor of shape {tuple(value.shape)}; take the mean"
    return ""
