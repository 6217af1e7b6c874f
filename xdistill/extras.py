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
    longer than all the rest. The version is for its detection of spikes, which is not used here.
    """
    return import_without("torchmetrics", "lightning_fabric").Fabric


def scikit_learn(module: str) -> Any:
    """A module of scikit-learn, such as ``impute``; without pandas, which it imports and uses for data frames alone."""
    return import_without("pandas", f"sklearn.{module}")


def import_without(unused: str, module: str) -> Any:
    """Import a module without a large library that it imports if it is installed, and that nothing here uses.

    Nothing changes where either is imported already.
    """
    if unused in sys.modules or module.partition(".")[0] in sys.modules:
        return import_module(module)
    sys.modules[unused] = None  # type: ignore[assignment]  # an import of it fails, as Python's reference says
    try:
        with _no_collecting():
            return import_module(module)
    finally:
        del sys.modules[unused]


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
