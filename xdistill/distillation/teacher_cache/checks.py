"""Whether a frozen teacher keeps to what it said: draws nothing, looks at no other subject, stays as it is."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

_ALIKE = 0.05  # of the largest value: far more than rounding, far less than what other subjects' statistics do


def random_state(device: torch.device) -> tuple[Tensor, ...]:
    """The state of torch's generators that a computation on a device can draw from."""
    return (torch.get_rng_state(), *([torch.cuda.get_rng_state(device)] if device.type == "cuda" else []))


def restore_random_state(state: tuple[Tensor, ...], device: torch.device) -> None:
    """Forget what was drawn since."""
    torch.set_rng_state(state[0])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state[1], device)


def same_random_state(first: tuple[Tensor, ...], second: tuple[Tensor, ...]) -> bool:
    """Whether nothing was drawn between two states."""
    return all(torch.equal(before, after) for before, after in zip(first, second, strict=True))


def alike(some: Mapping[str, Tensor], more: Mapping[str, Tensor]) -> bool:
    """Whether subjects were told the same of, but for rounding, when there were more in their batch."""
    for name, value in some.items():
        other = more[name][: len(value)]
        if value.numel() and float((value - other).abs().max()) > _ALIKE * float(other.abs().max()):
            return False
    return True


class Unchanged:
    """Tells whether a network's weights and buffers are, bit by bit, still what they were; holds a copy of them.

    The copy lies where the network does, so that nothing is moved to be compared. torch counts the changes of a tensor,
    but not those made through ``.data`` or numpy, so that its counters could not take the place of this.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self._were = {name: value.detach().clone() for name, value in network.state_dict().items()}

    def __bool__(self) -> bool:
        state = self._network.state_dict()
        return state.keys() == self._were.keys() and all(
            _same_bits(state[name], was) for name, was in self._were.items()
        )


_AS_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def _same_bits(value: Tensor, other: Tensor) -> bool:
    """Whether two tensors are alike, where NaN is itself and 0 is not -0."""
    if value.dtype != other.dtype:
        return False
    if value.is_complex():
        value, other = torch.view_as_real(value), torch.view_as_real(other)
    integers = _AS_INTEGERS[value.element_size()]
    return torch.equal(value.detach().view(integers), other.view(integers))
