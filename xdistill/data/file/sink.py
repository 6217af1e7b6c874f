"""The file that HDF5 writes to: it records the first error and lets HDF5 close cleanly.

When the disk is full, HDF5 cannot flush its metadata either, and a file that it cannot close stays open until the
process ends. After an error this sink therefore discards all writes: HDF5 closes the file, the caller gets the error,
and the temporary file is removed.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any


class Sink(io.FileIO):
    """A new file for reading and writing, for ``h5py.File(sink, "w")``.

    Attributes:
        error: the first error of a write; None if there was none.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "x+")
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all of ``data``, or record the error."""
        rest = memoryview(data).cast("B")
        size = rest.nbytes
        while rest.nbytes and self.error is None:
            try:
                rest = rest[super().write(rest) :]
            except OSError as error:
                self.error = error
        return size

    def truncate(self, size: int | None = None) -> int:
        """Change the file's size, or record the error."""
        try:
            return super().truncate(size) if self.error is None else size or 0
        except OSError as error:
            self.error = error
            return size or 0

    def sync(self) -> None:
        """Flush the file to disk.

        Raises:
            OSError: the first error of this or an earlier write.
        """
        if self.error is None:
            try:
                os.fsync(self.fileno())
            except OSError as error:
                self.error = error
        if self.error is not None:
            raise self.error
