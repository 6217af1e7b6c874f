"""Imports plugins: installed ones by their entry points, and single files; what they do meanwhile is kept in bounds."""

from __future__ import annotations

import importlib
import io
import keyword
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from xdistill.errors import PluginError

DISABLE_VARIABLE = "XDISTILL_DISABLE_PLUGINS"
FILES_VARIABLE = "XDISTILL_PLUGINS"
SECONDS_VARIABLE = "XDISTILL_PLUGIN_SECONDS"
SECONDS = 120.0
_SHOWN = 200  # characters of what a plugin prints

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plugin:
    """A plugin that was found: a module (or object with hooks) and its origin.

    Attributes:
        name: of its entry point; of a single file, that of its module.
        module: what implements the hooks.
        distribution: what was installed; of a single file, the file's name.
        version: of the distribution; of a single file, the beginning of the hash of its content.
    """

    name: str
    module: Any
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"the plugin {self.name!r} of {self.distribution} {self.version}"


class OverdueError(BaseException):
    """A plugin takes too long; no `Exception`, so that a plugin's own `except` does not swallow it."""


def import_entry_point(point: EntryPoint) -> Plugin:
    """The plugin of an entry point.

    Raises:
        PluginError: naming the distribution, when it cannot be imported.
    """
    distribution = point.dist.name if point.dist else "unknown distribution"
    version = point.dist.version if point.dist else "unknown"
    plugin = Plugin(point.name, None, distribution, version)
    remedy = (
        f"repair or uninstall {distribution}, or leave it out with the environment variable "
        f"{DISABLE_VARIABLE}={point.name}"
    )
    return Plugin(point.name, _imported(point.load, plugin, remedy), distribution, version)


def import_file(path: Path) -> Plugin:
    """The plugin in a single file.

    Its folder is put last among the places where modules are looked for, so that worker processes, which look in the
    same places, can be sent what it defines.

    Raises:
        PluginError: naming the file, when there is none, it cannot be imported, or its name is another module's.
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
            f"the plugin file {path} has the name of another module, {path.stem!r}; rename "
            f"the file, or leave out --plugin if it is installed already"
        )
    module = _imported(lambda: importlib.import_module(path.stem), plugin, "repair the file, or leave out --plugin")
    return Plugin(plugin.name, module, plugin.distribution, plugin.version)


def plugin_files() -> tuple[Path, ...]:
    """The single files that the environment names, so that workers find them too."""
    return tuple(Path(name) for name in os.environ.get(FILES_VARIABLE, "").split(os.pathsep) if name.strip())


def disabled_plugins() -> tuple[str, ...]:
    """Names of entry points that the environment leaves out, so that workers leave them out too."""
    return tuple(filter(None, (name.strip() for name in os.environ.get(DISABLE_VARIABLE, "").split(","))))


@contextmanager
def selected(*, files: Sequence[Path | str] = (), disabled: Sequence[str] = ()) -> Iterator[None]:
    """For a while, also use these single files, and leave out these plugins; in worker processes too.

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
    """While a plugin's own code runs: no word of it gets among the results, and it does not take for ever.

    What it prints is told as a warning, with its name.

    Args:
        plugin: whose code it is.
        doing: such as ``is imported``.

    Raises:
        PluginError: when it takes too long.
    """
    seconds = _seconds()
    said = io.StringIO()
    try:
        with ExitStack() as stack:
            stack.enter_context(_descriptor_kept_clean())
            stack.enter_context(redirect_stdout(said))
            stack.enter_context(time_limit(seconds))
            yield
    except OverdueError:
        raise PluginError(
            f"{plugin} takes longer than {seconds:g} seconds while it {doing}, and is given up; repair or uninstall "
            f"{plugin.distribution}, leave it out with {DISABLE_VARIABLE}={plugin.name}, or allow more seconds with "
            f"{SECONDS_VARIABLE}"
        ) from None
    finally:
        text = " ".join(said.getvalue().split())
        if text:
            shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]} …"
            _LOG.warning("%s prints while it %s, which it should not: %s", plugin, doing, shown)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `OverdueError` after some seconds, again each second until it gets through.

    Without effect where it could do harm: in other threads than the main one, where somebody else has set an alarm,
    and on systems without alarms. Zero seconds are no limit.
    """
    alarms = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if not seconds or not alarms or signal.getitimer(signal.ITIMER_REAL)[0]:
        yield
        return

    def overdue(*_: Any) -> None:
        raise OverdueError

    before = signal.signal(signal.SIGALRM, overdue)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL if before is None else before)


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
        raise PluginError(f"there is no plugin file {path}; name a Python file that implements a hook")
    if path.suffix != ".py" or not path.stem.isidentifier() or keyword.iskeyword(path.stem):
        raise PluginError(
            f"the plugin file {path} cannot be imported by its name; call it as a Python module, such as my_loss.py"
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
    text = os.environ.get(SECONDS_VARIABLE, "")
    try:
        seconds = float(text) if text else SECONDS
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise PluginError(f"{SECONDS_VARIABLE} is a number of seconds, 0 for no limit, and not {text!r}")
    return seconds


@contextmanager
def _descriptor_kept_clean() -> Iterator[None]:
    """What is written past Python's own standard output goes to standard error."""
    try:
        sys.stdout.flush()
        kept = os.dup(1)
        os.dup2(2, 1)
    except (OSError, ValueError, AttributeError):  # a program without standard streams
        yield
        return
    try:
        yield
    finally:
        with suppress(OSError):
            os.dup2(kept, 1)
        os.close(kept)
