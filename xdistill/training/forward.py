"""How a network's output is computed by one process: as it is, or compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from xdistill.errors import RunError
from xdistill.types import Batch, Output


class Forward:
    """Calls the network."""

    def __call__(self, network: nn.Module, batch: Batch) -> Output:
        """The network's output for the batch."""
        output: Output = network(batch)
        return output

    def begin(self, step: int) -> None:
        """Called before each training step."""

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Around training: explains errors of this way to compute outputs."""
        yield


class Compiled(Forward):
    """Calls networks that ``torch.compile`` has compiled; frozen ones are left as they are."""

    def __init__(self) -> None:
        self._compiled: dict[nn.Module, Callable[[Batch], Output]] = {}

    def __call__(self, network: nn.Module, batch: Batch) -> Output:
        """The network's output for the batch."""
        if not torch.is_grad_enabled():
            return super().__call__(network, batch)
        if network not in self._compiled:
            self._compiled[network] = torch.compile(network)
        return self._compiled[network](batch)

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Around training; the backward pass is compiled when it is first computed.

        Raises:
            RunError: if torch cannot compile a network.
        """
        from torch._dynamo.exc import TorchDynamoException  # no public name covers everything that can go wrong

        try:
            yield
        except TorchDynamoException as error:
            names = " or ".join(sorted({type(network).__name__ for network in self._compiled}))
            reason = str(error).partition("\n")[0]
            raise RunError(
                f"torch cannot compile the network {names}: {reason}; set compute.compile to false"
            ) from error
