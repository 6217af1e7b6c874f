"""Errors that no line of ours raises: memory that ran out while a library was loaded."""

from __future__ import annotations

from typing import Final

_SIGNS: Final = (
    "cannot allocate memory",
    "failed to map segment",
    "cannot map",
    "can't start new thread",
    "cannot allocate",
    "out of memory",
    "unable to allocate",
    "not enough memory",
)


def explained(error: BaseException) -> str:
    """One message for an error that means that memory ran out; empty for any other."""
    chain: BaseException | None = error
    while chain is not None:
        if isinstance(chain, MemoryError) or any(sign in str(chain).lower() for sign in _SIGNS):
            name = getattr(error, "name", None)
            what = f" while {name!r} was loaded" if isinstance(error, ImportError) and name else ""
            return f"memory ran out{what}; close other programs, or raise the limit of this process (ulimit -v)"
        chain = chain.__cause__ or chain.__context__
    return ""
