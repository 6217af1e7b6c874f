"""The errors a user can meet.

::

    XdistillError                    something went wrong; the command line exits with 1
    ├── UserError                    the user's input is at fault; exits with 2
    │   ├── RecipeError              one or more faults in a recipe, each with file, line and column
    │   ├── SettingsError            a component refuses its settings (assembly turns it into a RecipeError)
    │   ├── DataError                a subject, a file or a table that cannot be used
    │   ├── CacheError               a cohort cache that is damaged, foreign or of another format version
    │   ├── PluginError              a plugin that cannot be loaded or that breaks the rules of the catalog
    │   ├── RunError                 a run folder that cannot be written or read
    │   │   └── BusyRunError         one that another process works in
    │   └── LeakError                something tried to learn from subjects it must not see
    ├── NonFiniteLossError           a loss term became NaN or infinite
    ├── OutOfMemoryError             memory ran out; says which setting lowers the need
    ├── WorkerDiedError              a worker process was killed
    └── InterruptedRunError          Ctrl-C; exits with 130, and the same command goes on
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class XdistillError(Exception):
    """Base of all errors that xdistill raises on purpose; its message is made to be read."""

    exit_code = 1


class UserError(XdistillError):
    """The user's input is at fault: the message says what, where and what to do."""

    exit_code = 2


@dataclass(frozen=True)
class Fault:
    """One fault in a recipe.

    Attributes:
        message: what is wrong and what to do.
        path: dotted place in the recipe, such as ``teacher.branches.hbp.width``.
        source: file name, ``--set`` or ``--profile``; empty when the recipe was built in Python.
        line: 1-based line, 0 when unknown.
        column: 1-based column, 0 when unknown.
    """

    message: str
    path: str = ""
    source: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        where = self.source
        if self.line:
            where += f":{self.line}:{self.column}"
        parts = [part for part in (where, self.path) if part]
        return ": ".join([*parts, self.message])


class RecipeError(UserError):
    """All faults of one recipe at once.

    Attributes:
        faults: what is wrong.
        root: the recipe's values with their origins, as far as they could be read.
    """

    def __init__(self, faults: Sequence[Fault], *, root: Any = None) -> None:
        self.faults = tuple(faults)
        self.root = root
        super().__init__("\n".join(str(fault) for fault in self.faults))

    def __reduce__(self) -> tuple[type[RecipeError], tuple[tuple[Fault, ...]]]:
        """Pickled by its faults, for the way from a worker to its driver."""
        return type(self), (self.faults,)


class SettingsError(UserError):
    """A component refuses its settings or the place where it was put.

    Args:
        message: what is wrong and what to do.
        field: the field of the component's Config that is at fault, dotted; empty for the whole component.
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


class LeakError(UserError):
    """Something tried to learn from subjects that it must not see."""


class NonFiniteLossError(XdistillError):
    """A loss term became NaN or infinite: names subjects, stage, epoch and term."""


class OutOfMemoryError(XdistillError):
    """Memory ran out: the message says which setting lowers the need."""


class WorkerDiedError(XdistillError):
    """A worker process ended without a result."""


class InterruptedRunError(XdistillError):
    """The user pressed Ctrl-C; the same command goes on where this one stopped."""

    exit_code = 130
