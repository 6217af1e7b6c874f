"""Checks that a worker has the same software as its driver; a difference would change results without a message.

The driver's facts are part of each job's payload, and every worker compares them, whichever executor is used.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch

from xdistill.errors import PluginError, RunError
from xdistill.experiment.identity import digest_at_start, package_digest
from xdistill.interfaces.component import Component
from xdistill.plugin import Catalog, load_catalog
from xdistill.version import __version__


def driver_facts(components: Collection[type[Component]], catalog: Catalog) -> dict[str, Any]:
    """What every worker of a run must have; JSON-ready.

    Args:
        components: those that the run is made of.
        catalog: where they come from.
    """
    entries = [entry for entry in catalog if entry.component in components]
    return {
        "machine": platform.node(),
        "versions": _versions(),
        "plugins": {entry.plugin: [entry.distribution, entry.version] for entry in entries},
        "sources": {
            package: package_digest(package) for package in sorted({_package(entry.component) for entry in entries})
        },
    }


def check_files(*paths: Path, machine: str = "") -> None:
    """Check that this worker sees the files that the driver wrote.

    Args:
        paths: of the files.
        machine: of the driver; empty: not known.

    Raises:
        RunError: if it does not.
    """
    for path in paths:
        if not path.is_file():
            if machine == platform.node():
                raise RunError(f"{path}: the file was removed during the run; rerun the command, which writes it again")
            raise RunError(
                f"the worker on {platform.node()} cannot see {path}; all machines of a run need a shared folder under "
                f"the same path: pass folders in it to --runs and --cache"
            )


def checked_catalog(driver: Mapping[str, Any]) -> Catalog:
    """The installed components, after checking that they are the driver's.

    Raises:
        RunError: if the version of Python, torch or xdistill differs.
        PluginError: if that of a plugin of the run does.
    """
    return _checked(json.dumps(driver, sort_keys=True))


@cache
def _checked(driver: str) -> Catalog:
    """Once for all folds that a process computes for a driver: looking for plugins takes longer than a small fold."""
    facts = json.loads(driver)
    check_versions(facts)
    catalog = load_catalog()
    check_plugins(facts, catalog)
    return catalog


def check_versions(driver: Mapping[str, Any]) -> None:
    """Compare Python, torch and xdistill with the driver's; imports no plugin.

    Raises:
        RunError: if one differs.
    """
    here = _versions()
    for name, there in driver["versions"].items():
        if here[name] != there:
            raise RunError(
                f"the worker on {platform.node()} has {name} {here[name]}, but the driver has {there}; install the "
                f"same version on all machines"
            )


def check_plugins(driver: Mapping[str, Any], catalog: Catalog) -> None:
    """Compare the plugins of the run with the driver's.

    Raises:
        PluginError: naming the plugin and both versions.
    """
    here = {entry.plugin: [entry.distribution, entry.version] for entry in catalog}
    worker = f"the worker on {platform.node()}"
    for plugin, (distribution, version) in driver["plugins"].items():
        if plugin not in here:
            raise PluginError(
                f"{worker} lacks the plugin {plugin!r}, which the driver has from {distribution} {version}; install "
                f"{distribution} {version} there"
            )
        if here[plugin] != [distribution, version]:
            raise PluginError(
                f"{worker} has the plugin {plugin!r} from {' '.join(here[plugin])}, but the driver has it from "
                f"{distribution} {version}; install the same version on all machines"
            )
    known = {_package(entry.component) for entry in catalog}
    for package, sources in driver["sources"].items():
        if package not in known or digest_at_start(package) != sources:
            raise PluginError(
                f"the source files of {package} differ between {worker} and the driver, although the versions are the "
                f"same; install the same files on all machines, and restart if they were changed during the run"
            )


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), "torch": str(torch.__version__), "xdistill": __version__}


def _package(component: type[Component]) -> str:
    return component.__module__.partition(".")[0]
