"""NumPy files whose headers promise more than they hold, or more than fits into memory."""

from __future__ import annotations

import io
import zipfile
from math import prod
from typing import TYPE_CHECKING, Any, Final

from xdistill.errors import DataError, UserError

if TYPE_CHECKING:
    from pathlib import Path

    from xdistill.untrusted.limits import Limit

_ZIP: Final = b"PK"


def check_arrays(content: bytes, path: Path, limit: Limit, *, error: type[UserError] = DataError) -> None:
    """Compare what the headers of a .npy or .npz file state with what it holds and with a limit.

    Args:
        content: of the file.
        path: of the file, for messages.
        limit: on the size of each array.
        error: that is raised.

    Raises:
        UserError: of the given class; names file and size.
        ValueError, zipfile.BadZipFile: if the file is damaged otherwise.
    """
    if not content.startswith(_ZIP):
        _check(io.BytesIO(content), len(content), path, limit, error)
        return
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in archive.infolist():
            limit.check(path, member.file_size, error=error, what=f"its array {member.filename!r}")
            if member.filename.endswith(".npy"):
                with archive.open(member) as stream:
                    _check(stream, member.file_size, path, limit, error)


def _check(stream: Any, size: int, path: Path, limit: Limit, error: type[UserError]) -> None:
    from numpy.lib import format as npy

    version = npy.read_magic(stream)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(stream)
    if dtype.hasobject:  # never loaded, and the reader says so
        return
    stated = prod(shape) * dtype.itemsize
    limit.check(path, stated, error=error, what="the array that its header states")
    held = size - stream.tell()
    if min(shape, default=0) < 0 or stated > held:
        raise error(
            f"{path}: is damaged or incomplete: its header states {stated} bytes of values, but it holds {held}"
        )
