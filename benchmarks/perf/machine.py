"""What the figures were measured on, without a host's name."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("torch", "numpy", "h5py", "pytorch-lightning", "monai", "pytorch-ignite", "torchdistill")


def machine() -> str:
    """Processor, cores, and versions, in one line each."""
    versions = [f"Python {sys.version.split()[0]}", *(found for name in PACKAGES if (found := _version(name)))]
    return f"{processor()}, {os.cpu_count()} cores, {platform.system()} on {platform.machine()}\n{', '.join(versions)}"


def processor() -> str:
    """The processor's name as the machine tells it, with family and model where the name says little."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    except OSError:
        return platform.processor() or "processor of unknown name"
    facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    wide = "AVX-512" if "avx512f" in facts.get("flags", "") else "AVX2" if "avx2" in facts.get("flags", "") else ""
    kind = f"family {facts['cpu family']} model {facts['model']}" if "cpu family" in facts else ""
    return ", ".join(part for part in (facts.get("model name", "processor of unknown name"), kind, wide) if part)


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return ""
