"""What makes two runs the same run."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Collection, Mapping
from typing import Any

import torch

from xdistill.interfaces.component import Component
from xdistill.plugin import Catalog
from xdistill.version import __version__

# Fields that change how fast a run is and not what comes out of it.
_IRRELEVANT = (("executor",), ("loader", "workers"), ("loader", "memory_mb"), ("description",))


def run_id(resolved: Mapping[str, Any], *, fingerprint: str, split_hash: str, versions: Mapping[str, str]) -> str:
    """Twelve hexadecimal digits that change with anything that can change a prediction."""
    recipe = json.loads(json.dumps(resolved))
    for *parents, last in _IRRELEVANT:
        place = recipe
        for parent in parents:
            place = place.get(parent, {})
        place.pop(last, None)
    recipe["data"] = {"use": recipe["data"]["use"]}  # the fingerprint says what the data are, wherever they lie
    text = json.dumps(
        {"recipe": recipe, "cohort": fingerprint, "splits": split_hash, "versions": dict(versions)}, sort_keys=True
    )
    return hashlib.sha256(text.encode()).hexdigest()[:12]


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
    """What the run was computed on."""
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
