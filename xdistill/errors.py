"""The errors a user can meet.

::

    XdistillError                    something went wrong; the command line exits with 1
    ├── UserError                    the user's input is wrong; exits with 2
    │   ├── RecipeError              one or more problems in a recipe, each with file, line and column
    │   ├── SettingsError            a component rejects its settings (assembly turns it into a RecipeError)
    │   ├── DataError                a subject, a file or a table that cannot be used
    │   ├── CacheError               a cohort cache that is damaged, foreign or of another format version
    │   ├── PluginError              a plugin that cannot be loaded or that breaks the rules of the catalog
    │   ├── RunError                 a run folder that cannot be written or read
    │   │   └── BusyRunError         one that another process works in
    │   ├── ModelError               a model folder that cannot be written or read, or subjects that do not fit it
    │   └── LeakError                something tried to learn from subjects it must not see
    ├── NonFiniteLossError           a loss term became NaN or infinite
    ├── OutOfMemoryError             memory ran out; names the setting that lowers the need
    ├── WorkerDiedError              a worker process was killed
    └── InterruptedRunError          Ctrl-C; exits with 130; rerun the command to resume
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class XdistillError(Exception):
    """Base of all errors that xdistill raises on purpose; its message is made to be read."""

    exit_code = 1


class UserError(XdistillError):
    """The user's input is wrong: the message says what, where and what to do."""

    exit_code = 2


@dataclass(frozen=True)
class Problem:
    """One problem in a recipe.

    Attributes:
        message: what is wrong and what to do.
        path: dotted path in the recipe, such as ``teacher.branches.hbp.width``.
        source: file name, ``--set`` or ``--profile``; empty when the recipe was built in Python.
        line: 1-based line, 0 when unknown.
        column: 1-based column, 0 when unknown.
    """

    message: str
    path: str = ""
    source: str = ""
    line: int = 0
    column: int = 0

    @property
    def sort_key(self) -> tuple[bool, str, int, int]:
        """Problems in files first, each file from top to bottom."""
        return self.line == 0, self.source, self.line, self.column

    def __str__(self) -> str:
        where = self.source
        if self.line:
            where += f":{self.line}:{self.column}"
        parts = [part for part in (where, self.path) if part]
        return ": ".join([*parts, self.message])


class RecipeError(UserError):
    """All problems of one recipe at once.

    Attributes:
        problems: what is wrong.
        root: the recipe's values with their origins, as far as they could be read.
    """

    def __init__(self, problems: Sequence[Problem], *, root: Any = None) -> None:
        self.problems = tuple(problems)
        self.root = root
        super().__init__("\n".join(str(problem) for problem in self.problems))

    @property
    def faults(self) -> tuple[Problem, ...]:
        """Deprecated name of `problems`."""
        warnings.warn("RecipeError.faults is deprecated; use RecipeError.problems", DeprecationWarning, stacklevel=2)
        return self.problems

    def __reduce__(self) -> tuple[type[RecipeError], tuple[tuple[Problem, ...]]]:
        """Pickled by its problems, to be sent from a worker to its driver."""
        return type(self), (self.problems,)


class SettingsError(UserError):
    """A component rejects its settings or its position in the recipe.

    Args:
        message: what is wrong and what to do.
        field: dotted path of the invalid field in the component's Config; empty for the whole component.
    """

    def __init__(self, message: str, *, field: str = "") -> None:
        self.field = field
        super().__init__(message)


class DataError(UserError):
    """A subject, file or table that cannot be used."""


class CacheError(UserError):
    """A cohort cache that is damaged, foreign, or of another format version."""


class PluginError(UserError):
    """A plugin that cannot be loaded, or that breaks the rules of the catalog."""


class RunError(UserError):
    """A run folder that cannot be written or read."""


class BusyRunError(RunError):
    """A run folder that another process works in."""


class ModelError(UserError):
    """A model folder that cannot be written or read, or subjects that do not fit the model."""


class LeakError(UserError):
    """Something tried to learn from subjects that it must not see."""


class NonFiniteLossError(XdistillError):
    """A loss term became NaN or infinite: names subjects, stage, epoch and term."""


class OutOfMemoryError(XdistillError):
    """Memory ran out: the message names the setting that lowers the need."""


class WorkerDiedError(XdistillError):
    """A worker process ended without a result."""


class InterruptedRunError(XdistillError):
    """The user pressed Ctrl-C; rerun the command to resume."""

    exit_code = 130


def __getattr__(name: str) -> Any:
    """The deprecated name of `Problem`."""
    if name == "Fault":
        warnings.warn(
            "xdistill.errors.Fault is deprecated; use xdistill.errors.Problem", DeprecationWarning, stacklevel=2
        )
        return Problem
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
