"""What a network says about a batch, computed by one process: as it is, or compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import nn

from xdistill.errors import RunError
from xdistill.types import Batch, Output


class Alone:
    """One process computes whole batches."""

    def begin(self, step: int) -> None:
        """Nothing changes from step to step."""

    def all(self, asked: Mapping[str, Callable[[], Output]]) -> dict[str, Output]:
        """What several networks say, by role, given what computes it."""
        return {role: ask() for role, ask in asked.items()}

    def cut(self, outputs: Mapping[str, Output]) -> Mapping[str, Output]:
        """What the objective is given in place of what the networks say: the same."""
        return outputs

    def __call__(self, network: nn.Module, batch: Batch) -> Output:
        """What the network says about the batch."""
        output: Output = network(batch)
        return output


class Compiled(Alone):
    """One process computes whole batches, with networks that torch has compiled; frozen ones are left as they are."""

    def __init__(self) -> None:
        from torch._dynamo.exc import TorchDynamoException  # takes seconds; no public name covers all that may go wrong

        self._trouble = TorchDynamoException
        self._compiled: dict[nn.Module, Callable[[Batch], Output]] = {}

    def __call__(self, network: nn.Module, batch: Batch) -> Output:
        """What the network says about the batch.

        Raises:
            RunError: when torch cannot compile the network.
        """
        if not torch.is_grad_enabled():
            return super().__call__(network, batch)
        if network not in self._compiled:
            self._compiled[network] = torch.compile(network)
        try:
            return self._compiled[network](batch)
        except self._trouble as error:
            reason = str(error).partition("\n")[0]
            raise RunError(
                f"torch cannot compile the network {type(network).__name__}: {reason}; leave out compute.compile"
            ) from error
