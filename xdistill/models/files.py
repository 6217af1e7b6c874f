"""The files of a model folder: checksums, and reading without trust."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from torch import Tensor

from xdistill.errors import ModelError
from xdistill.runs.checksums import CHECKSUMS, digest
from xdistill.untrusted import JSON, Limit, open_regular, read_bytes
from xdistill.untrusted import WEIGHTS as WEIGHTS_LIMIT
from xdistill.untrusted import read_json as read_untrusted

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
CALIBRATION = "calibration.json"
INTERVALS = "intervals.json"
TRAINING = "training.json"
CARD = "README.md"


def regular(path: Path, limit: Limit) -> Path:
    """A regular file of bounded size; a model folder holds no links, folders or devices.

    Raises:
        ModelError: for a link, a device, a folder, a file that is missing or too large.
    """
    open_regular(path, limit, error=ModelError, links=False).close()
    return path


def read_json(path: Path) -> Any:
    """A JSON document.

    Raises:
        ModelError: if the file is missing, too large, or not JSON.
    """
    return read_untrusted(path, JSON, error=ModelError, links=False)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by name.

    Raises:
        ModelError: if the file is missing or damaged.
    """
    try:
        return load_tensors(read_bytes(path, WEIGHTS_LIMIT, error=ModelError, links=False))
    except (SafetensorError, ValueError) as error:
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
        if digest(regular(folder / name, WEIGHTS_LIMIT)) != value:
            raise ModelError(
                f"{folder / name}: the file has changed since the model was written (its SHA-256 differs); copy the "
                f"model again"
            )
    if CONFIG not in sums:
        raise ModelError(f"{folder / CHECKSUMS}: has no entry for {CONFIG}; copy the model again")
    return tuple(sums)
