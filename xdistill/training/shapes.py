"""What shapes a network returns, found by calling it once on zeros; and eval mode as a context."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from xdistill.errors import PluginError
from xdistill.interfaces.network import Network
from xdistill.types import Batch, Output, OutputSpec, Schema


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Eval mode without gradients; afterwards every module is in the mode that it was in."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def output_spec(network: Network, schema: Schema, *, device: str) -> OutputSpec:
    """The shapes of a network's output; its mode is left as it was.

    Raises:
        PluginError: if it does not return an `Output` with the logits that the task needs.
    """
    with evaluating(network):
        output: Any = network(zeros(schema.restricted_to(network.inputs), size=2, device=device))
    if not isinstance(output, Output):
        raise PluginError(f"the network {network.name!r} must return an Output, but returned {type(output).__name__}")
    expected = (2, schema.task.outputs)
    if tuple(output.logits.shape) != expected:
        raise PluginError(
            f"the network {network.name!r} returned logits of shape {tuple(output.logits.shape)} for 2 subjects; "
            f"expected {expected} for {schema.task.describe()}"
        )
    return OutputSpec.of(output)


def zeros(schema: Schema, *, size: int, device: str) -> Batch:
    """A batch of zeros."""
    return Batch(
        inputs={
            name: torch.zeros((size, *spec.shape), dtype=torch.float32, device=device)
            for name, spec in schema.modalities.items()
        },
        present={name: torch.ones(size, dtype=torch.bool, device=device) for name in schema.modalities},
        subjects=tuple(f"zero{index}" for index in range(size)),
    )
