"""Libraries of the extra ``mri``, loaded on first use."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from xdistill.errors import UserError


def require(module: str) -> Any:
    """A module of nibabel or MONAI.

    Raises:
        UserError: if it is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        library = module.partition(".")[0]
        raise UserError(
            f"this data set needs {library}, which is not installed: pip install 'xdistill[mri]'"
        ) from error
