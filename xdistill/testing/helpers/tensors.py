"""What the suites ask of tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from xdistill.testing.suite import require


@contextmanager
def seeded(seed: int = 0) -> Iterator[None]:
    """The same random numbers each time, and none taken from the rest of the program."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed also takes a stack trace, for GPUs
        yield


def require_finite(tensors: Mapping[str, Tensor], where: str) -> None:
    """Fail for NaN and infinite values."""
    for name, value in tensors.items():
        require(bool(torch.isfinite(value).all()), f"{where}: {name} has values that are not finite")


def require_equal(first: Mapping[str, Tensor], second: Mapping[str, Tensor], where: str) -> None:
    """Fail unless both hold the same bits under the same names."""
    require(set(first) == set(second), f"{where}: {sorted(first)} became {sorted(second)}")
    for name, value in first.items():
        require(torch.equal(value, second[name]), f"{where}: {name} differs")


def require_close(
    first: Mapping[str, Tensor], second: Mapping[str, Tensor], where: str, *, tolerance: float = 1e-4
) -> None:
    """Fail unless both agree up to rounding; tolerance is a share of the largest value."""
    require(set(first) == set(second), f"{where}: {sorted(first)} became {sorted(second)}")
    for name, value in first.items():
        other = second[name]
        require(value.shape == other.shape, f"{where}: {name} has the shapes {list(value.shape)}, {list(other.shape)}")
        if not value.numel():
            continue
        bound = tolerance * (1e-3 + float(value.abs().max()))
        largest = float((value.double() - other.double()).abs().max())
        require(largest <= bound, f"{where}: {name} differs by {largest:.2g}")


def copied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The values as they are now."""
    return {name: value.detach().clone() for name, value in tensors.items()}


def require_trained(module: nn.Module, *, untrained: Sequence[str] = ()) -> None:
    """Fail for a trainable parameter that a backward pass left without a finite gradient, or with none but zeros.

    Args:
        module: what was trained.
        untrained: beginnings of names of parameters that are not looked at.
    """
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad or name.startswith(tuple(untrained)):
            continue
        require(parameter.grad is not None, f"no gradient reaches the parameter {name}")
        if parameter.grad is not None:
            require_finite({name: parameter.grad}, "gradients")
            require(bool(parameter.grad.any()), f"the gradient of the parameter {name} is zero everywhere")
