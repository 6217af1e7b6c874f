"""Libraries that come with an extra, such as ``pip install 'xdistill[mri]'``, and large ones: imported where used."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from xdistill.errors import UserError


def require(module: str, *, extra: str, purpose: str) -> Any:
    """Import a module of an optional library.

    Args:
        module: its dotted name, such as ``onnxruntime.quantization``.
        extra: the extra of xdistill that installs the library.
        purpose: what needs it, as the start of a sentence: ``"export to ONNX"``.

    Raises:
        UserError: if a library is not installed; the message names it and the extra.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        library = (error.name or module).partition(".")[0]
        raise UserError(
            f"{purpose} needs {library}, which is not installed; run `pip install 'xdistill[{extra}]'`"
        ) from error


def fabric_class() -> Any:
    """The class `lightning_fabric.Fabric`, whose import takes seconds; the driver of a run need not spend them.

    Fabric looks up the version of torchmetrics by importing it, and with it matplotlib and much of SciPy, which takes
    longer than all the rest. Only its detection of spikes wants to know it, which is not used here.
    """
    with _unseen("torchmetrics"), _no_collecting():
        return import_module("lightning_fabric").Fabric


@contextmanager
def _unseen(name: str) -> Iterator[None]:
    """Within this context, a module that is not imported yet counts as not installed."""
    if name in sys.modules or "lightning_fabric" in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # an import of it fails, as Python's reference says
    try:
        yield
    finally:
        del sys.modules[name]


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Within this context, no garbage is collected: imports leave none, and looking for it takes a quarter of them."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
