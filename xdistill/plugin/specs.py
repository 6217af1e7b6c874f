"""The hooks: one for each kind. A hook returns classes and does nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Final

import pluggy

from xdistill.plugin.kinds import KINDS, Kind

if TYPE_CHECKING:
    from xdistill.interfaces.component import Component

PROJECT: Final = "xdistill"
ENTRY_POINT_GROUP: Final = "xdistill"
API_VERSION: Final = 1

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


def hookspecs() -> ModuleType:
    """A module with the specification of every hook, as pluggy takes it."""
    module = ModuleType("xdistill_hooks")
    for kind in KINDS:
        setattr(module, kind.hook, hookspec(_specification(kind)))
    return module


def _specification(kind: Kind) -> Callable[[], Sequence[type[Component]]]:
    def hook() -> Sequence[type[Component]]:
        raise NotImplementedError

    hook.__name__, hook.__doc__ = kind.hook, kind.about
    return hook
