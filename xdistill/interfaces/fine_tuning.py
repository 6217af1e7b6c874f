"""Parts of networks that begin with weights from a file: what of them learns, and how fast."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from torch import nn

_FOLLOWING: ContextVar[bool] = ContextVar("weights follow", default=False)


class FineTuned(nn.Module):
    """A part whose parameters learn at rates of their own.

    Attributes:
        notes: what a user should know before training, such as how many weights a file had; one sentence each.
    """

    notes: tuple[str, ...] = ()

    def learning_rates(self) -> Mapping[str, float]:
        """By name of a parameter within this module, the factor of its learning rate; 0: it is frozen.

        Parameters that are not named learn at the recipe's rate. Layers with frozen parameters should override
        ``train`` to stay in eval mode.
        """
        return {}


def rate_factors(module: nn.Module) -> dict[nn.Parameter, float]:
    """The factors of all parameters of a module that have one."""
    found: dict[nn.Parameter, float] = {}
    for part in module.modules():
        if isinstance(part, FineTuned):
            rates = part.learning_rates()
            found |= {value: rates[name] for name, value in part.named_parameters() if name in rates}
    return found


@contextmanager
def weights_follow() -> Iterator[None]:
    """Within it, networks are built whose weights are loaded afterwards: files of initial weights are not needed."""
    token = _FOLLOWING.set(True)
    try:
        yield
    finally:
        _FOLLOWING.reset(token)


def do_weights_follow() -> bool:
    """Whether the network that is being built gets all its weights afterwards."""
    return _FOLLOWING.get()
