"""Messages between the driver and a worker: pickles preceded by their length.

Not a `multiprocessing.connection.Connection`: once torch is imported, its ``send`` passes tensors as handles of shared
memory, which a process that it did not start cannot open.
"""

from __future__ import annotations

import pickle
import struct
from typing import Any, BinaryIO

HEADER = struct.Struct("!Q")


def write_message(stream: BinaryIO, message: Any) -> None:
    """Write one message and flush it."""
    data = pickle.dumps(message)
    stream.write(HEADER.pack(len(data)) + data)
    stream.flush()


def read_message(stream: BinaryIO) -> Any:
    """Read one message.

    Raises:
        EOFError: when the other side has closed the stream, even in the middle of a message.
    """
    return pickle.loads(_exactly(stream, HEADER.unpack(_exactly(stream, HEADER.size))[0]))  # noqa: S301 - from our own process


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data
