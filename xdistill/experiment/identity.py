"""The identity of a run: what makes two runs the same run."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from xdistill.interfaces.component import Component
from xdistill.plugin import Catalog
from xdistill.version import __version__

if TYPE_CHECKING:
    from xdistill.data import Cohort, Splits
    from xdistill.experiment.plans import Experiment

# Fields that change the speed of a run but not its results.
_IRRELEVANT = (
    ("executor",),
    ("trackers",),
    ("loader", "workers"),
    ("loader", "memory_mb"),
    ("loader", "prefetch"),
    ("teacher_cache",),
    ("description",),
    ("crossval", "files"),  # the hash of the splits identifies what they say
)


def run_id(
    resolved: Mapping[str, Any],
    *,
    fingerprint: str,
    split_hash: str,
    versions: Mapping[str, str],
    sources: Mapping[str, str],
    external: str = "",
) -> str:
    """Twelve hexadecimal digits that change with the recipe, the cohort, the splits, the versions and the plugins."""
    recipe = json.loads(json.dumps(resolved))
    for *parents, last in _IRRELEVANT:
        place = recipe
        for parent in parents:
            place = place.get(parent, {})
        place.pop(last, None)
    recipe["data"] = {"use": recipe["data"]["use"]}  # the fingerprint identifies the data, not their path
    recipe |= {network: _with_names(recipe[network]) for network in ("teacher", "student") if network in recipe}
    if external:
        recipe["test"] = {"use": recipe["test"]["use"]}
    text = json.dumps(
        {
            **({"external": external} if external else {}),
            "recipe": recipe,
            "cohort": fingerprint,
            "splits": split_hash,
            "versions": dict(versions),
            "sources": dict(sources),
        },
        sort_keys=True,
    )
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _with_names(value: Any) -> Any:
    """Settings in which a file with a hash has its name alone: its location does not matter."""
    if isinstance(value, dict):
        found = {name: _with_names(item) for name, item in value.items()}
        return {**found, "path": Path(str(found["path"])).name} if found.get("sha256") and "path" in found else found
    return [_with_names(item) for item in value] if isinstance(value, list) else value


def identity_of(
    experiment: Experiment,
    resolved: dict[str, Any],
    catalog: Catalog,
    cohort: Cohort,
    splits: Splits,
    *,
    also: frozenset[type[Component]] = frozenset(),
    external: str = "",
) -> str:
    """The id of a run: of its recipe, cohort, splits, and the versions and sources of all that it may use.

    Args:
        experiment: what is run.
        resolved: its recipe.
        catalog: where its components come from.
        cohort: that it is trained and tested on.
        splits: of the cohort.
        also: components that a search may choose.
        external: fingerprint of the external test cohort; empty: none.
    """
    used = experiment.components | also
    return run_id(
        resolved,
        fingerprint=cohort.fingerprint,
        split_hash=splits.hash,
        versions=versions(used, catalog),
        sources=sources(used),
        external=external,
    )


def sources(components: Collection[type[Component]]) -> dict[str, str]:
    """A digest of the source files of each package that a component comes from.

    After an edit of a loss the same recipe is a new run, although no version has changed.
    """
    return {
        name: package_digest(name)
        for name in sorted({component.__module__.partition(".")[0] for component in components})
    }


def package_digest(package: str) -> str:
    """16 hexadecimal digits of the source files of a package, namespace package or module that is imported."""
    module = sys.modules[package]
    folders = [Path(folder) for folder in dict.fromkeys(getattr(module, "__path__", ()))]  # may name one twice
    files = [(folder, file) for folder in folders for file in sorted(folder.rglob("*.py"))]
    if not folders:
        file = Path(module.__file__ or "")
        files = [(file.parent, file)]
    hashed = hashlib.sha256()
    for folder, file in files:
        hashed.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes() + b"\0")
    return hashed.hexdigest()[:16]


@cache
def digest_at_start(package: str) -> str:
    """`package_digest` when this process first needed it; later edits do not affect a running process."""
    return package_digest(package)


def versions(components: Collection[type[Component]], catalog: Catalog) -> dict[str, str]:
    """Versions of what computes: Python, torch, xdistill, and the distributions of the components that are used."""
    used = {entry.distribution: entry.version for entry in catalog if entry.component in components}
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        **dict(sorted(used.items())),
        "xdistill": __version__,
    }


def machine(device: str, threads: int) -> dict[str, Any]:
    """The machine that a run was computed on."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": platform.processor() or _processor(),
        "device": device,
        "threads": threads,
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123 - a file of the kernel
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return "unknown"
