"""A small file that remembers what the installed plugins offer, so that listing them need not import torch.

The file is only believed while every plugin's distribution, version, entry point and source files are as they were.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path

from xdistill.plugin.catalog import Catalog, Entry, load_catalog, plugin_entry_points
from xdistill.plugin.importing import disabled_plugins, plugin_files
from xdistill.plugin.specs import API_VERSION


@dataclass(frozen=True)
class Listing:
    """One component as a list shows it."""

    kind: str
    name: str
    summary: str
    distribution: str
    version: str
    plugin: str


def listings(folder: Path, *, disabled: Sequence[str] = ()) -> list[Listing]:
    """Every component of every installed plugin, from the index where that still holds.

    Args:
        folder: folder of the index; it is written again if it cannot be read, and skipped if it cannot be written.
        disabled: names of entry points to leave out.

    Raises:
        PluginError: see `load_catalog`.
    """
    if plugin_files():  # for trying: they change all the time
        return of_catalog(load_catalog(disabled=disabled))
    left_out = {*disabled, *disabled_plugins()}
    points = [point for point in plugin_entry_points() if point.name not in left_out]
    path = folder / f"plugins-{_state(points)}.json"
    try:
        return [Listing(**row) for row in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        found = of_catalog(load_catalog(disabled=disabled))
    _write(path, found)
    return found


def of_catalog(catalog: Catalog) -> list[Listing]:
    """The listings of a catalog."""
    return [_listing(entry) for entry in catalog]


def _listing(entry: Entry) -> Listing:
    summary = (entry.component.__doc__ or "").strip().split("\n", 1)[0]
    return Listing(entry.kind, entry.name, summary, entry.distribution, entry.version, entry.plugin)


def _write(path: Path, found: Sequence[Listing]) -> None:
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for old in path.parent.glob("plugins-*.json"):
            old.unlink(missing_ok=True)
        temporary.write_text(json.dumps([asdict(listing) for listing in found]), encoding="utf-8")
        temporary.replace(path)
    except OSError:  # the index only saves time
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _state(points: Sequence[EntryPoint]) -> str:
    """A digest that changes with any plugin and any of its source files."""
    parts: list[object] = [API_VERSION]
    for point in points:
        parts += [point.name, point.value, point.dist and point.dist.name, point.dist and point.dist.version]
        parts += _files(point.value.partition(":")[0])
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _files(module: str) -> list[tuple[str, int, int]]:
    """Name, size and time of the source files of a module's top-level package; nothing is imported."""
    try:
        spec = find_spec(module.partition(".")[0])
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return []
    if spec.submodule_search_locations is None:
        files = [Path(spec.origin)] if spec.origin else []
    else:
        files = [file for folder in spec.submodule_search_locations for file in sorted(Path(folder).rglob("*.py"))]
    return [stamp for file in files for stamp in _stamp(file)]


def _stamp(file: Path) -> list[tuple[str, int, int]]:
    try:
        stat = file.stat()
    except OSError:  # such as the dangling links that some editors lock files with
        return []
    return [(str(file), stat.st_size, stat.st_mtime_ns)]
