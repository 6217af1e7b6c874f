"""Whether a worker is like its driver: what differs between them would be told by nothing but other bits.

The driver's facts travel with each job, and a worker compares before it works, whatever executor brought the job.
"""

from __future__ import annotations

import platform
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch

from xdistill.errors import PluginError, RunError
from xdistill.experiment.identity import package_digest
from xdistill.interfaces.component import Component
from xdistill.plugin import Catalog, load_catalog
from xdistill.version import __version__


def driver_facts(components: Collection[type[Component]], catalog: Catalog) -> dict[str, Any]:
    """What a worker of a run must have too; JSON-ready.

    Args:
        components: those that the run is made of.
        catalog: where they come from.
    """
    entries = [entry for entry in catalog if entry.component in components]
    return {
        "versions": _versions(),
        "plugins": {entry.plugin: [entry.distribution, entry.version] for entry in entries},
        "sources": {
            package: package_digest(package) for package in sorted({_package(entry.component) for entry in entries})
        },
    }


def check_files(*paths: Path) -> None:
    """Whether this worker sees what the driver left for it.

    Raises:
        RunError: when it does not.
    """
    for path in paths:
        if not path.is_file():
            raise RunError(
                f"the worker on {platform.node()} does not see {path}: machines that work on one run need a folder "
                f"that all of them have under the same path; name folders in it with --runs and --cache"
            )


def checked_catalog(driver: Mapping[str, Any]) -> Catalog:
    """What is installed here, once it is known to be what the driver has.

    Raises:
        RunError: when Python, torch or xdistill is another.
        PluginError: when a plugin of the run is.
    """
    check_versions(driver)
    catalog = load_catalog()
    check_plugins(driver, catalog)
    return catalog


def check_versions(driver: Mapping[str, Any]) -> None:
    """Whether Python, torch and xdistill are the driver's; needs no plugin to be imported.

    Raises:
        RunError: when one is another.
    """
    here = _versions()
    for name, there in driver["versions"].items():
        if here[name] != there:
            raise RunError(
                f"the worker on {platform.node()} has {name} {here[name]}, and the driver {there}; install the same "
                f"version on all machines"
            )


def check_plugins(driver: Mapping[str, Any], catalog: Catalog) -> None:
    """Whether the plugins of the run are here as the driver has them.

    Raises:
        PluginError: naming the plugin and both versions.
    """
    here = {entry.plugin: [entry.distribution, entry.version] for entry in catalog}
    worker = f"the worker on {platform.node()}"
    for plugin, (distribution, version) in driver["plugins"].items():
        if plugin not in here:
            raise PluginError(
                f"{worker} has no plugin {plugin!r}, which the driver has from {distribution} {version}; install "
                f"{distribution} {version} there"
            )
        if here[plugin] != [distribution, version]:
            raise PluginError(
                f"{worker} has the plugin {plugin!r} from {' '.join(here[plugin])}, and the driver from {distribution} "
                f"{version}; install the same version on all machines"
            )
    known = {_package(entry.component) for entry in catalog}
    for package, sources in driver["sources"].items():
        if package not in known or _digest_at_start(package) != sources:
            raise PluginError(
                f"{worker} has other source files of {package} than the driver, although their versions are the same; "
                f"install the same on all machines, and start anew what was changed during the run"
            )


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), "torch": str(torch.__version__), "xdistill": __version__}


def _package(component: type[Component]) -> str:
    return component.__module__.partition(".")[0]


@cache
def _digest_at_start(package: str) -> str:
    """Of the files as this process found them: editing them later changes nothing in it."""
    return package_digest(package)
