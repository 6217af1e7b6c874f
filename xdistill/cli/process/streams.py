"""Standard output that is closed or full: one message and an exit code, whichever library wrote last."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from xdistill.errors import XdistillError


class OutputError(XdistillError):
    """Standard output cannot be written."""


class Descriptor(io.RawIOBase):
    """A file descriptor to write to; after an error, everything goes nowhere, so that there is one error.

    Args:
        number: of the descriptor; None if it was closed before the process began.
    """

    def __init__(self, number: int | None) -> None:
        self._number = number
        self._broken = False

    def writable(self) -> bool:
        """Always."""
        return True

    def fileno(self) -> int:
        """The descriptor."""
        return 1 if self._number is None else self._number

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._number is not None and os.isatty(self._number)

    def write(self, data: Any) -> int:
        """Write bytes.

        Raises:
            OutputError: if the descriptor is closed or its disk full.
            BrokenPipeError: if no process reads it any more.
        """
        size = memoryview(data).nbytes
        if self._broken or not size:
            return size
        if self._number is None:
            self._broken = True
            raise OutputError("standard output cannot be written: it is closed")
        try:
            return os.write(self._number, data)
        except BrokenPipeError:
            self._broken = True
            raise
        except OSError as error:
            self._broken = True
            raise OutputError(f"standard output cannot be written: {error.strerror}") from None


@contextmanager
def guarded_streams() -> Iterator[None]:
    """Guard standard output, and keep the numbers of closed standard streams from other files."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - as long as the process lives
    kept = sys.stdout
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(Descriptor(None if kept is None else 1)),
        encoding="utf-8" if kept is None else kept.encoding,
        errors="strict" if kept is None else kept.errors,
        line_buffering=kept is not None and bool(kept.line_buffering),
    )
    try:
        yield
    finally:
        # What was written before an error of another kind is printed too; an error here does not hide that one.
        failed = sys.exc_info()[0] is not None
        with suppress(*(OSError, OutputError) if failed else ()):
            sys.stdout.flush()
