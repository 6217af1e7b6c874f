"""What is installed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xdistill.plugin import Catalog


def catalog(*, plugins: Sequence[Path | str] = (), disabled: Sequence[str] = ()) -> Catalog:
    """The components of all installed plugins, by kind and name.

    >>> catalog().names("executor")
    ('local', 'ray')

    Args:
        plugins: Python files with plugins that are not installed, as ``--plugin``.
        disabled: plugins to leave out, by the names of their entry points, as ``--disable-plugin``.

    Raises:
        PluginError: if a plugin is invalid; the message names it.
    """
    from xdistill.plugin import load_catalog
    from xdistill.plugin.importing import selected

    with selected(files=plugins, disabled=disabled):
        return load_catalog()
