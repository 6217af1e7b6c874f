"""How large a file may be that xdistill reads as a whole, and the setting that raises it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from xdistill.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

_MEBIBYTE: Final = 2**20


@dataclass(frozen=True)
class Limit:
    """The largest size of one kind of file.

    Attributes:
        variable: environment variable that sets another limit, in MiB; workers inherit it.
        mebibytes: the limit without it.
    """

    variable: str
    mebibytes: int

    @property
    def size(self) -> int:
        """In bytes.

        Raises:
            UserError: if the variable is not a whole number.
        """
        text = os.environ.get(self.variable, "").strip()
        if not text:
            return self.mebibytes * _MEBIBYTE
        if not (text.isascii() and text.isdigit() and len(text) <= 12):  # noqa: PLR2004 - digits of an exbibyte
            raise UserError(f"{self.variable} must be a whole number of MiB, such as {self.mebibytes}")
        return int(text) * _MEBIBYTE

    def problem(self, size: int, what: str = "it") -> str:
        """What is wrong with a size, in bytes; empty if it is within the limit."""
        if size <= self.size:
            return ""
        return (
            f"{what} takes {_megabytes(size)}, and at most {_megabytes(self.size)} are read; set {self.variable} (in "
            f"MiB) to raise the limit if you trust the file"
        )

    def check(self, path: Path | str, size: int, *, error: type[UserError], what: str = "it") -> None:
        """Refuse a size beyond the limit.

        Args:
            path: of the file, for the message.
            size: in bytes.
            error: that is raised.
            what: is this large.

        Raises:
            UserError: of the given class; names file, size and setting.
        """
        problem = self.problem(size, what)
        if problem:
            raise error(f"{path}: {problem}")


JSON: Final = Limit("XDISTILL_MAX_JSON_MB", 64)
"""Records, splits, settings of models."""

TABLE: Final = Limit("XDISTILL_MAX_TABLE_MB", 1024)
"""CSV files, and each table of a cohort file."""

VOLUME: Final = Limit("XDISTILL_MAX_VOLUME_MB", 2048)
"""Volumes and arrays, compressed and decompressed."""

WEIGHTS: Final = Limit("XDISTILL_MAX_WEIGHTS_MB", 64 * 1024)
"""Weights of a network."""


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB" if size >= 10**7 else f"{size:,} bytes"
