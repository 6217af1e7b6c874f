"""Imports plugins: installed ones by their entry points, and single files. One that hangs or prints is named."""

from __future__ import annotations

import importlib
import io
import keyword
import logging
import math
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from textwrap import shorten
from typing import Any

from xdistill.errors import PluginError

DISABLE_VARIABLE = "XDISTILL_DISABLE_PLUGINS"
FILES_VARIABLE = "XDISTILL_PLUGINS"
SECONDS_VARIABLE = "XDISTILL_PLUGIN_SECONDS"
SECONDS = 120.0
_SHOWN = 200  # characters of what a plugin prints that are logged

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plugin:
    """A plugin that was found: a module (or object with hooks) and its origin.

    Attributes:
        name: of the entry point; for a single file, the name of its module.
        module: implements the hooks.
        distribution: name of the installed distribution; for a single file, the file's name.
        version: of the distribution; for a single file, the first 12 digits of its SHA-256.
    """

    name: str
    module: Any
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"the plugin {self.name!r} of {self.distribution} {self.version}"


class OverdueError(BaseException):
    """A plugin takes too long. Not an `Exception`, so that a plugin's own ``except Exception`` does not catch it."""


def import_entry_point(point: EntryPoint) -> Plugin:
    """The plugin of an entry point.

    Raises:
        PluginError: if it cannot be imported; the message names the distribution.
    """
    distribution = point.dist.name if point.dist else "unknown distribution"
    version = point.dist.version if point.dist else "unknown"
    plugin = Plugin(point.name, None, distribution, version)
    remedy = (
        f"repair or uninstall {distribution}, or disable it with the environment variable "
        f"{DISABLE_VARIABLE}={point.name}"
    )
    return Plugin(point.name, _imported(point.load, plugin, remedy), distribution, version)


def import_file(path: Path) -> Plugin:
    """The plugin in a single file.

    Its folder is appended to ``sys.path``, so that worker processes can unpickle what it defines.

    Raises:
        PluginError: if there is no such file, it cannot be imported, or another module has its name.
    """
    path = path.absolute()
    _check_file(path)
    plugin = Plugin(path.stem, None, path.name, sha256(path.read_bytes()).hexdigest()[:12])
    folder = str(path.parent)
    added = folder not in sys.path
    if added:
        sys.path.append(folder)
    importlib.invalidate_caches()
    if not _is_module(path):
        if added:
            sys.path.remove(folder)
        raise PluginError(
            f"the plugin file {path} has the name of another module, {path.stem!r}; rename the file, or omit it if the "
            f"plugin is installed"
        )
    module = _imported(lambda: importlib.import_module(path.stem), plugin, "repair the file, or omit it")
    return Plugin(plugin.name, module, plugin.distribution, plugin.version)


def plugin_files() -> tuple[Path, ...]:
    """The plugin files that the environment names, so that worker processes find them too."""
    return tuple(Path(name) for name in os.environ.get(FILES_VARIABLE, "").split(os.pathsep) if name.strip())


def disabled_plugins() -> tuple[str, ...]:
    """Names of the entry points that the environment disables, so that worker processes disable them too."""
    return tuple(filter(None, (name.strip() for name in os.environ.get(DISABLE_VARIABLE, "").split(","))))


@contextmanager
def selected(*, files: Sequence[Path | str] = (), disabled: Sequence[str] = ()) -> Iterator[None]:
    """While it is entered, also use these files and disable these plugins, here and in worker processes.

    Args:
        files: Python files that implement hooks.
        disabled: names of entry points.
    """
    paths = dict.fromkeys([*plugin_files(), *(Path(file).absolute() for file in files)])
    changed = {
        FILES_VARIABLE: os.pathsep.join(map(str, paths)),
        DISABLE_VARIABLE: ",".join(dict.fromkeys([*disabled_plugins(), *disabled])),
    }
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def watched(plugin: Plugin, doing: str) -> Iterator[None]:
    """Run a plugin's code under a time limit, and log what it prints as a warning instead of mixing it into results.

    Args:
        plugin: whose code it is.
        doing: for messages, such as ``is imported``.

    Raises:
        PluginError: if it takes too long.
    """
    seconds = _seconds()
    printed = io.StringIO()
    try:
        with redirect_stdout(printed), time_limit(seconds):
            yield
    except OverdueError:
        raise PluginError(
            f"{plugin} takes longer than {seconds:g} seconds while it {doing}; repair or uninstall "
            f"{plugin.distribution}, disable it with {DISABLE_VARIABLE}={plugin.name}, or raise the limit with "
            f"{SECONDS_VARIABLE}"
        ) from None
    finally:
        if printed.getvalue():
            text = shorten(printed.getvalue(), _SHOWN, placeholder=" …")
            _LOG.warning("%s prints to standard output while it %s: %s", plugin, doing, text)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `OverdueError` after some seconds, and again each second until it is not caught; 0: no limit.

    There is no limit in threads, when another alarm is set, and on systems without alarms.
    """
    alarms = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if not seconds or not alarms or signal.getitimer(signal.ITIMER_REAL)[0]:
        yield
        return
    before = signal.signal(signal.SIGALRM, _overdue)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _overdue(*_: object) -> None:
    raise OverdueError


def _imported(load: Callable[[], Any], plugin: Plugin, remedy: str) -> Any:
    try:
        with watched(plugin, "is imported"):
            return load()
    except PluginError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(f"{plugin} cannot be imported: {type(error).__name__}: {error}; {remedy}") from error


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise PluginError(f"there is no plugin file {path}; pass a Python file that implements a hook")
    if path.suffix != ".py" or not path.stem.isidentifier() or keyword.iskeyword(path.stem):
        raise PluginError(
            f"the plugin file {path} cannot be imported, because its name is not a Python identifier; rename it, as in "
            f"my_loss.py"
        )


def _is_module(path: Path) -> bool:
    """Whether importing the file's stem imports this file."""
    known = sys.modules.get(path.stem)
    origin = getattr(known, "__file__", None)
    if known is None:
        spec = find_spec(path.stem)
        origin = spec.origin if spec else None
    return origin is not None and Path(origin).resolve() == path.resolve()


def _seconds() -> float:
    text = os.environ.get(SECONDS_VARIABLE) or str(SECONDS)
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise PluginError(f"{SECONDS_VARIABLE} must be a number of seconds, or 0 for no limit, got {text!r}")
    return seconds
