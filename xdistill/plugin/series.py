"""Finds the plugin that reads a format of series, such as DICOM."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import entry_points
from typing import Final

from xdistill.errors import PluginError
from xdistill.interfaces.series import SeriesFormat
from xdistill.plugin.importing import disabled_plugins

SERIES_GROUP: Final = "xdistill.series"
"""Entry points of this group name subclasses of `SeriesFormat`, which are made without arguments."""


def series_format(name: str) -> SeriesFormat:
    """The format of this name.

    Raises:
        PluginError: if no plugin offers it, or its plugin is disabled or invalid.
    """
    if name in disabled_plugins():
        raise PluginError(f"the plugin {name!r}, which reads series of this format, is disabled")
    return _format(name)


@lru_cache
def _format(name: str) -> SeriesFormat:
    points = list(entry_points(group=SERIES_GROUP, name=name))
    if len(points) != 1:
        found = "no plugin offers" if not points else f"{len(points)} plugins offer"
        raise PluginError(f"{found} the format {name!r} (entry points of the group {SERIES_GROUP}); install one")
    made = points[0].load()()
    if not isinstance(made, SeriesFormat):
        raise PluginError(f"{points[0].value} is not a subclass of SeriesFormat")
    return made
