"""Plugins: the hooks they implement and the catalog that holds what they offer."""

from xdistill.plugin.catalog import Catalog, Entry, load_catalog
from xdistill.plugin.kinds import KINDS, Kind
from xdistill.plugin.specs import API_VERSION, ENTRY_POINT_GROUP, hookimpl

__all__ = ["API_VERSION", "ENTRY_POINT_GROUP", "KINDS", "Catalog", "Entry", "Kind", "hookimpl", "load_catalog"]
