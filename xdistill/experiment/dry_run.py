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
from xdistill.interfaces.network import Network
from xdistill.training.objective import Term
from xdistill.training.shapes import evaluating, zeros
from xdistill.types import Batch, Output, OutputSpec, Schema

SUBJECTS = 4


def rehearse(term: Term, specs: Mapping[str, OutputSpec], schema: Schema, networks: Mapping[str, Network]) -> str:
    """What is wrong with a term; empty when it returns a scalar.

    Args:
        term: with its loss built, on a processor.
        specs: of what the networks return, by role.
        schema: of the cohort.
        networks: by role; called for a term that differentiates through them, for which made-up outputs do not do.
    """
    wrong = ""
    for device in _devices_of(networks) if term.needs_grad else _devices(specs, schema):
        try:
            with torch.random.fork_rng(devices=()):
                value = _called(term, specs, schema, device, networks)
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


def _devices_of(networks: Mapping[str, Network]) -> tuple[str, ...]:
    """The device that all networks are on; none if they are on several, so that no batch fits them all."""
    found = {value.device.type for network in networks.values() for value in network.parameters()}
    return tuple(found) if len(found) == 1 else ()


def _called(
    term: Term, specs: Mapping[str, OutputSpec], schema: Schema, device: str, networks: Mapping[str, Network]
) -> object:
    target = torch.zeros(SUBJECTS, dtype=torch.int64, device=device)
    batch = replace(zeros(schema, size=SUBJECTS, device=device), target=target)
    if term.needs_grad:
        batch = batch.with_gradients()
        outputs = {role: _differentiable(network, batch) for role, network in networks.items()}
    else:
        outputs = {role: _made_up(spec, device) for role, spec in specs.items()}
    return copy.deepcopy(term).to(device)(outputs, batch)


def _differentiable(network: Network, batch: Batch) -> Output:
    """What the network returns in eval mode, with gradients."""
    with evaluating(network), torch.enable_grad():
        output: Output = network(batch.restricted_to(network.inputs))
    return output


def _made_up(spec: OutputSpec, device: str) -> Output:
    def drawn(*shape: int) -> Tensor:
        return torch.randn((SUBJECTS, *shape), device=device)

    return Output(
        logits=drawn(spec.outputs),
        features={name: drawn(*shape) for name, shape in spec.features.items()},
        aux={name: drawn(spec.outputs) for name in spec.aux},
    )


def _unlike_a_scalar(value: object) -> str:
    if not isinstance(value, Tensor):
        return f"has to return a tensor, and returned {type(value).__name__}"
    if value.dim():
        return f"has to return a scalar, and returned a tensor of shape {tuple(value.shape)}; take the mean"
    return ""
