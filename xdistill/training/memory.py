"""What to say when memory runs out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from xdistill.errors import OutOfMemoryError

_WORDS = ("out of memory", "allocate memory")


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether an error is what Python or torch raises when memory runs out."""
    return isinstance(error, MemoryError) or any(words in str(error) for words in _WORDS)


@contextmanager
def memory_explained() -> Iterator[None]:
    """Turn what Python and torch raise when memory runs out into an error that names the settings to lower.

    Raises:
        OutOfMemoryError: with the settings that lower the need.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if ran_out_of_memory(error):
            raise OutOfMemoryError(
                "memory ran out; lower loader.batch_size, --jobs, loader.memory_mb (streams the cohort), or the "
                "networks' width, as in --set loader.batch_size=4"
            ) from error
        raise
