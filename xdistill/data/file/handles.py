"""The open file of a process, and reads at given offsets."""

from __future__ import annotations

import os
import threading
import weakref
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from xdistill.data.file.tables import open_file


class Handles:
    """The open file of this process; a forked child opens its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._owner = 0
        self._descriptor: int | None = None
        self._file: h5py.File | None = None
        self._finalizer: weakref.finalize[..., Any] | None = None

    def descriptor(self) -> int:
        """A file descriptor for reads at given offsets, which need no lock."""
        if self._descriptor is None or self._owner != os.getpid():
            with self._lock:
                self._renew()
                if self._descriptor is None:
                    self._descriptor = os.open(self._path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
                    self._finalizer = weakref.finalize(self, os.close, self._descriptor)
        return self._descriptor

    def file(self) -> h5py.File:
        """The open HDF5 file, for compressed values."""
        if self._file is None or self._owner != os.getpid():
            with self._lock:
                self._renew()
                if self._file is None:
                    self._file = open_file(self._path)
        return self._file

    def close(self) -> None:
        """Close the files that this process opened."""
        with self._lock:
            if self._owner == os.getpid():
                if self._file is not None:
                    self._file.close()
                if self._finalizer is not None:
                    self._finalizer()
            self._file = self._descriptor = self._finalizer = None

    def _renew(self) -> None:
        if self._owner != os.getpid():
            # Files that the parent process opened are closed by the parent.
            if self._finalizer is not None:
                self._finalizer.detach()
            self._file = self._descriptor = self._finalizer = None
            self._owner = os.getpid()


def read_fully(descriptor: int, target: NDArray[np.uint8], offset: int) -> bool:
    """Read until ``target`` is full; False if the file is too short."""
    done = 0
    while done < target.size:
        count = os.preadv(descriptor, [target[done:].data], offset + done)
        if count == 0:
            return False
        done += count
    return True
