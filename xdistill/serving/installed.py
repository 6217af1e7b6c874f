"""Whether the libraries of the extra ``serve`` are installed."""

from __future__ import annotations

from importlib.util import find_spec

from xdistill.errors import UserError

LIBRARIES = ("fastapi", "uvicorn", "python_multipart")


def check_installed() -> None:
    """Check that the server's libraries are installed.

    Raises:
        UserError: naming the first that is not.
    """
    for library in LIBRARIES:
        if find_spec(library) is None:
            name = library.replace("_", "-")
            raise UserError(f"serving needs {name}, which is not installed; run `pip install 'xdistill[serve]'`")
