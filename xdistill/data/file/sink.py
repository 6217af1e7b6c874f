"""The file that HDF5 writes through: it remembers the first fault and lets HDF5 finish in peace.

When a disk is full, HDF5 cannot flush its own bookkeeping either, and a file that cannot be closed stays on its
hands until the process ends. After a fault this sink therefore swallows what is written: HDF5 closes cleanly, the
caller sees the fault, and the temporary file is removed.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any


class Sink(io.FileIO):
    """A new file for reading and writing, made for ``h5py.File(sink, "w")``.

    Attributes:
        fault: the first error of a write; None as long as all is well.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "x+")
        self.fault: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all of ``data``, or remember why that failed."""
        rest = memoryview(data).cast("B")
        size = rest.nbytes
        while rest.nbytes and self.fault is None:
            try:
                rest = rest[super().write(rest) :]
            except OSError as error:
                self.fault = error
        return size

    def truncate(self, size: int | None = None) -> int:
        """Change the file's size, or remember why that failed."""
        try:
            return super().truncate(size) if self.fault is None else size or 0
        except OSError as error:
            self.fault = error
            return size or 0

    def settle(self) -> None:
        """Bring everything written to the disk.

        Raises:
            OSError: the first fault.
        """
        if self.fault is None:
            try:
                os.fsync(self.fileno())
            except OSError as error:
                self.fault = error
        if self.fault is not None:
            raise self.fault
