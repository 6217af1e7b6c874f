"""Training by gradient: the trainer, its model and objective, batches, callbacks; and `distill` for any module."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xdistill.interfaces.callback import Callback
    from xdistill.training.adapters import as_batch, wrap
    from xdistill.training.modules import distill
    from xdistill.training.trainer import Trainer

__all__ = ["Callback", "Trainer", "as_batch", "distill", "wrap"]

_HOME = {
    "Callback": "xdistill.interfaces.callback",
    "Trainer": "xdistill.training.trainer",
    "as_batch": "xdistill.training.adapters",
    "distill": "xdistill.training.modules",
    "wrap": "xdistill.training.adapters",
}


def __getattr__(name: str) -> Any:
    """Load a name, and torch with it, when it is first used."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
