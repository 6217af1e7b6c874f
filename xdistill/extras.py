"""Libraries that come with an extra, such as ``pip install 'xdistill[mri]'``, imported where they are used."""

from __future__ import annotations

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
