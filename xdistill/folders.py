"""Default folders."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def default_cache_dir() -> Path:
    """``$XDISTILL_CACHE`` if it is set, else ``xdistill`` in the user's cache folder of this platform."""
    chosen = os.environ.get("XDISTILL_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "xdistill"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "xdistill" / "Cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xdistill"


def default_key_file() -> Path:
    """``dicom.key`` in the folder ``xdistill`` of the user's settings: the key of the hash that replaces ids."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "xdistill" / "dicom.key"
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming") / "xdistill" / "dicom.key"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "xdistill" / "dicom.key"
