"""What a network says about a batch, computed by one process: as it is, or compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

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

    def backward(self) -> AbstractContextManager[None]:
        """Around the backward pass of a step."""
        return nullcontext()


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
        with self._told(f"the network {type(network).__name__}"):
            return self._compiled[network](batch)

    def backward(self) -> AbstractContextManager[None]:
        """Around the backward pass, which torch compiles when it is computed for the first time.

        Raises:
            RunError: in its block, when torch cannot compile it.
        """
        names = sorted({type(network).__name__ for network in self._compiled})
        return self._told(f"the backward pass of the network {' or '.join(names)}")

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except self._trouble as error:
            reason = str(error).partition("\n")[0]
            raise RunError(f"torch cannot compile {what}: {reason}; leave out compute.compile") from error
