"""What to say when memory runs out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from xdistill.errors import OutOfMemoryError


@contextmanager
def memory_explained() -> Iterator[None]:
    """Turn what Python and torch raise when memory runs out into an error that names the settings to lower.

    Raises:
        OutOfMemoryError: with the settings that lower the need.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or "out of memory" in str(error) or "allocate memory" in str(error):
            raise OutOfMemoryError(
                "memory ran out; lower loader.batch_size, --jobs, loader.memory_mb (streams the cohort), or the "
                "networks' width, as in --set loader.batch_size=4"
            ) from error
        raise
