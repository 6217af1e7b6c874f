"""Errors that no line of ours raises: memory or disk that ran out while a library was running."""

from __future__ import annotations

import errno
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
_FULL: Final = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
_NO_TEMPORARY: Final = "no usable temporary directory"


def explained(error: BaseException) -> str:
    """One message for an error that means that memory or the disk ran out; empty for any other."""
    chain: BaseException | None = error
    while chain is not None:
        if isinstance(chain, MemoryError) or any(sign in str(chain).lower() for sign in _SIGNS):
            name = getattr(error, "name", None)
            what = f" while {name!r} was loaded" if isinstance(error, ImportError) and name else ""
            return f"memory ran out{what}; close other programs, or raise the limit of this process (ulimit -v)"
        if isinstance(chain, OSError) and (chain.errno in _FULL or _NO_TEMPORARY in str(chain).lower()):
            return (
                f"files cannot be written: {chain.strerror or chain}; free space on the disk, raise the limit of file "
                f"sizes (ulimit -f), or set TMPDIR to another disk"
            )
        chain = chain.__cause__ or chain.__context__
    return ""
