"""Whether a computation drew random numbers."""

from __future__ import annotations

import torch
from torch import Tensor


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
