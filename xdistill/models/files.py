"""The files of a model folder: checksums, and reading without trust."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from torch import Tensor

from xdistill.errors import ModelError
from xdistill.runs.checksums import CHECKSUMS, digest

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
CALIBRATION = "calibration.json"
INTERVALS = "intervals.json"
TRAINING = "training.json"
CARD = "README.md"
LARGEST_JSON = 64 * 2**20  # bytes
LARGEST_WEIGHTS = 64 * 2**30


def regular(path: Path, largest: int) -> Path:
    """A regular file of bounded size.

    Raises:
        ModelError: for a link, a device, a folder, a file that is missing or too large.
    """
    try:
        found = path.lstat()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from None
    if not stat.S_ISREG(found.st_mode):
        raise ModelError(f"{path}: not a regular file; a model folder holds no links, folders or devices")
    if found.st_size > largest:
        raise ModelError(f"{path}: has {found.st_size} bytes; at most {largest} are read")
    return path


def read_json(path: Path) -> Any:
    """A JSON file of bounded size.

    Raises:
        ModelError: if it is missing or damaged.
    """
    try:
        return json.loads(regular(path, LARGEST_JSON).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: cannot be read as JSON: {error}") from None


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by name.

    Raises:
        ModelError: if the file is missing or damaged.
    """
    try:
        return load_tensors(regular(path, LARGEST_WEIGHTS).read_bytes())
    except (OSError, SafetensorError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read as safetensors: {error}") from None


def check_sums(folder: Path) -> tuple[str, ...]:
    """Compare every file with its checksum; returns the names of the files.

    Raises:
        ModelError: naming the file that is missing, changed, or not listed.
    """
    listed = read_json(folder / CHECKSUMS)
    sums = listed.get("sha256") if isinstance(listed, dict) else None
    if not isinstance(sums, dict) or not all(
        isinstance(name, str) and Path(name).name == name and isinstance(value, str) for name, value in sums.items()
    ):
        raise ModelError(f"{folder / CHECKSUMS}: not a list of checksums; copy the model again")
    for name, value in sums.items():
        if digest(regular(folder / name, LARGEST_WEIGHTS)) != value:
            raise ModelError(
                f"{folder / name}: the file has changed since the model was written (its SHA-256 differs); copy the "
                f"model again"
            )
    if CONFIG not in sums:
        raise ModelError(f"{folder / CHECKSUMS}: has no entry for {CONFIG}; copy the model again")
    return tuple(sums)
