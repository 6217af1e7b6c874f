"""A dry run of a loss term on random outputs, so that its problems are reported before training starts."""

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


def dry_run(
    term: Term,
    specs: Mapping[str, OutputSpec],
    schema: Schema,
    networks: Mapping[str, Network],
    *,
    target: bool = True,
) -> str:
    """The problem of a term; empty when it returns a scalar.

    Args:
        term: with its loss built, on the CPU.
        specs: of the networks' outputs, by role.
        schema: of the cohort.
        networks: by role; called for a term that differentiates through them, for which made-up outputs do not do.
        target: whether the batch has a target.
    """
    wrong = ""
    for device in _devices_of(networks) if term.needs_grad else _devices(specs, schema):
        try:
            with torch.random.fork_rng(devices=()):
                value = _called(term, specs, schema, device, networks, target=target)
        except XdistillError as error:
            wrong = _unread(error, term, schema) or str(error)
        else:
            wrong = _not_a_scalar(value)
            wrong = wrong and f"the loss `{term.loss_name}` (term `{term.label}`) {wrong}"
        if not wrong:
            break
    return wrong


def _unread(error: Exception, term: Term, schema: Schema) -> str:
    """The message about a loss that reads a modality of the cohort that no network reads; empty for other errors."""
    cause = error.__cause__
    missing = cause.args[0] if isinstance(cause, KeyError) and cause.args else None
    if missing not in schema.modalities:
        return ""
    return (
        f"the loss `{term.loss_name}` reads the modality `{missing}`, which no network of the recipe reads; add a "
        f"teacher that reads it"
    )


def alone(network: Network, schema: Schema) -> str:
    """Why a network cannot learn from batches of one subject, such as its batch norm; empty when it can."""
    device = next((value.device.type for value in network.parameters()), "cpu")
    batch = zeros(schema, size=1, device=device).restricted_to(network.inputs)
    try:
        with torch.random.fork_rng(devices=()), torch.no_grad():
            copy.deepcopy(network).train()(batch)
    except (XdistillError, ValueError) as error:
        return str(error)
    return ""


def _devices(specs: Mapping[str, OutputSpec], schema: Schema) -> tuple[str, ...]:
    """The meta device first for large outputs, then the CPU for losses that need values; the CPU for small ones.

    The meta device makes torch load a thousand more modules, which takes seconds: longer than small outputs do.
    """
    numbers = sum(prod(spec.shape) for spec in schema.modalities.values())
    numbers += sum(prod(shape) for spec in specs.values() for shape in spec.features.values())
    return ("cpu",) if numbers < SMALL else ("meta", "cpu")


def _devices_of(networks: Mapping[str, Network]) -> tuple[str, ...]:
    """The device that all networks are on; none if they are on several, so that no batch fits them all."""
    found = {value.device.type for network in networks.values() for value in network.parameters()}
    return tuple(found) if len(found) == 1 else ()


def _called(
    term: Term,
    specs: Mapping[str, OutputSpec],
    schema: Schema,
    device: str,
    networks: Mapping[str, Network],
    *,
    target: bool,
) -> object:
    targets = schema.task.sample_targets(SUBJECTS).to(device) if target else None
    read = tuple(dict.fromkeys(modality for network in networks.values() for modality in network.inputs))
    batch = replace(zeros(schema.restricted_to(read), size=SUBJECTS, device=device), target=targets)
    if term.needs_grad:
        batch = batch.with_gradients()
        outputs = {role: _differentiable(network, batch) for role, network in networks.items()}
    else:
        outputs = {role: random_output(spec, device) for role, spec in specs.items()}
    return copy.deepcopy(term).to(device)(outputs, batch)


def _differentiable(network: Network, batch: Batch) -> Output:
    """What the network returns in eval mode, with gradients."""
    with evaluating(network), torch.enable_grad():
        output: Output = network(batch.restricted_to(network.inputs))
    return output


def random_output(spec: OutputSpec, device: str) -> Output:
    """Standard normal numbers of a network's shapes."""

    def drawn(*shape: int) -> Tensor:
        return torch.randn((SUBJECTS, *shape), device=device)

    return Output(
        logits=drawn(spec.outputs),
        features={name: drawn(*shape) for name, shape in spec.features.items()},
        aux={name: drawn(spec.outputs) for name in spec.aux},
    )


def _not_a_scalar(value: object) -> str:
    if not isinstance(value, Tensor):
        return f"should return a tensor, got {type(value).__name__}"
    if value.dim():
        return f"should return a scalar, got a tensor of shape {tuple(value.shape)}; take the mean"
    return ""
