"""Which outputs of a network depend on which of its parts: found by one call on zeros with some parts marked."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from xdistill.interfaces.fitted import Estimator
from xdistill.interfaces.network import Network
from xdistill.training.shapes import evaluating, zeros
from xdistill.types import Output, Schema


@dataclass(frozen=True)
class Trace:
    """Result of a call of a network with marked parts.

    Attributes:
        outputs: those that depend on a marked part: ``logits`` and names of auxiliary logits.
        taps: features that do.
        calls: inputs of each estimator, one per call, by dotted path.
    """

    outputs: frozenset[str]
    taps: frozenset[str]
    calls: Mapping[str, list[Tensor]]

    def reaches(self, estimator: str) -> bool:
        """Whether the input of an estimator depends on a marked part."""
        return any(value.requires_grad for value in self.calls[estimator])


def estimators(network: nn.Module) -> dict[str, Estimator]:
    """The parts of a network that are fitted, by dotted path."""
    return {path: part for path, part in network.named_modules() if isinstance(part, Estimator)}


def trace(network: Network, schema: Schema, parts: Collection[str]) -> Trace:
    """Call a network on zeros with the parameters and the estimators of these parts marked.

    Args:
        network: a real one, or one without memory for its weights.
        schema: of the cohort.
        parts: dotted paths of parameters, or of parts.
    """
    device = next((str(value.device) for value in chain(network.parameters(), network.buffers())), "cpu")
    batch = zeros(schema.restricted_to(network.inputs), size=2, device=device)
    found = estimators(network)
    with ExitStack() as stack:
        stack.enter_context(evaluating(network))
        stack.enter_context(torch.enable_grad())
        calls = {path: stack.enter_context(watching(part)) for path, part in found.items()}
        for path, part in found.items():
            if covers(parts, path):
                stack.callback(part.register_forward_hook(_mark).remove)
        for path, parameter in network.named_parameters():
            stack.callback(parameter.requires_grad_, parameter.requires_grad)
            parameter.requires_grad_(covers(parts, path))
        output: Output = network(batch)
    return Trace(_learning({"logits": output.logits, **output.aux}), _learning(output.features), calls)


def covers(parts: Collection[str], path: str) -> bool:
    """Whether a dotted path is one of these parts or lies within one; the empty path holds everything.

    >>> covers(["branches.hbp"], "branches.hbp.trunk"), covers(["branches.hbp"], "branches.hbp2")
    (True, False)
    """
    return any(not part or path == part or path.startswith(f"{part}.") for part in parts)


@contextmanager
def watching(part: nn.Module) -> Iterator[list[Tensor]]:
    """Collect the inputs of a part while its network is called."""
    seen: list[Tensor] = []

    def keep(_part: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        seen.append(next(chain(arguments, named.values())))

    handle = part.register_forward_pre_hook(keep, with_kwargs=True)
    try:
        yield seen
    finally:
        handle.remove()


def _learning(values: Mapping[str, Tensor]) -> frozenset[str]:
    return frozenset(name for name, value in values.items() if value.requires_grad)


def _mark(_part: nn.Module, _arguments: Any, output: Tensor) -> Tensor:
    # A copy, because a network may continue in place, which torch refuses on leaves.
    return output if output.requires_grad else output.detach().requires_grad_().clone()
