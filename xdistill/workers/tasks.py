"""Finding and running the function of a task."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any


def resolve(target: str) -> Callable[[Any], Iterator[Any]]:
    """The function that ``module:function`` names."""
    module, _, function = target.partition(":")
    found: Callable[[Any], Iterator[Any]] = getattr(import_module(module), function)
    return found


def run_task(task: Callable[[], Iterator[Any]]) -> Iterator[tuple[str, Any]]:
    """Run a generator function and report what it yields and how it ends.

    Yields:
        ``("event", value)`` for every value; finally ``("done", None)`` or ``("failed", error)``.
    """
    try:
        for value in task():
            yield "event", value
    except GeneratorExit:  # the caller closed this generator
        raise
    except BaseException as error:  # noqa: BLE001 - every end of a task is reported to the driver
        yield "failed", picklable(error)
    else:
        yield "done", None


def picklable(error: BaseException) -> BaseException:
    """The error with its traceback as a note; errors that cannot be pickled become RuntimeErrors."""
    import traceback

    text = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - a round trip of our own object
    except Exception:  # noqa: BLE001 - any failure means the same
        error = RuntimeError(f"{type(error).__name__}: {error}")
    error.__traceback__ = None
    error.add_note(f"In the worker:\n{text}")
    return error
