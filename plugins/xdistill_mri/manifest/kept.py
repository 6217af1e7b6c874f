"""Columns that are kept next to the values, for splits by site, date or a given part: no network reads them."""

from __future__ import annotations

import re

from xdistill_mri.manifest.config import ManifestConfig
from xdistill_mri.manifest.problems import Problems, near
from xdistill_mri.manifest.table import Table

_USUAL = frozenset(
    {"site", "center", "centre", "hospital", "institution", "split", "subset", "partition", "fold", "date"}
    | {"scandate", "studydate", "visitdate", "examdate", "acquisitiondate"}
)


def find_kept(table: Table, config: ManifestConfig, roles: set[str], problems: Problems) -> tuple[str, ...]:
    """The columns to keep, in the order of the table: those of `keep`, or else those with a usual name.

    Args:
        table: the table.
        config: its settings.
        roles: columns with another role, which are not taken by their name.
        problems: gets columns that the table lacks.
    """
    if config.keep is None:
        return tuple(name for name in table.header if name not in roles and is_usual(name))
    for name in config.keep:
        if name not in table.header:
            problems.add(f"unknown column {name!r} (keep); {near(name, table.header)}")
    return tuple(name for name in table.header if name in config.keep)


def is_usual(name: str) -> bool:
    """Whether a column has a usual name of a site, a date or a split, such as ``Study date``."""
    return re.sub(r"[\W_]", "", name).casefold() in _USUAL
