"""Weights from a file: read as data, matched by name and shape."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import file_digest
from pathlib import Path
from typing import Any

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from xdistill.errors import DataError, SettingsError
from xdistill.interfaces.component import Settings
from xdistill.untrusted import WEIGHTS, open_regular

_SHOWN = 4
_WRAPPED = ("state_dict", "model", "network", "model_state_dict")


class Weights(Settings):
    """A file of weights."""

    path: Path = Field(description="a .safetensors file, or a .pt file, of which only tensors are loaded")
    rename: Mapping[str, str] = Field(
        default={}, description="beginnings of names in the file, and what they are in the network"
    )
    sha256: str | None = Field(
        default=None, description="of the file; null: filled in, so that another file makes another run"
    )

    @model_validator(mode="before")
    @classmethod
    def _hashed(cls, value: Any) -> Any:
        value = {"path": value} if isinstance(value, str) else value
        if isinstance(value, Mapping) and value.get("path") and not value.get("sha256"):
            try:
                with open_regular(Path(value["path"]).expanduser(), WEIGHTS) as stream:
                    return {**value, "sha256": file_digest(stream, "sha256").hexdigest()}
            except (DataError, OSError):
                return value  # said when the network is built
        return value


def load_into(network: nn.Module, weights: Weights) -> str:
    """Load the weights whose name and shape are those of the network's.

    Args:
        network: on the CPU, or without memory, to find out what matches.
        weights: the file.

    Returns:
        What matched, as one sentence.

    Raises:
        SettingsError: for a file that is missing, damaged, changed, or has nothing for the network.
    """
    found = _renamed(_tensors(weights), weights.rename)
    own = network.state_dict()
    matching = {name: value for name, value in found.items() if name in own and own[name].shape == value.shape}
    counted = [name for name in own if not name.endswith("num_batches_tracked")]
    matched = sum(name in matching for name in counted)
    other = [name for name in counted if name in found and name not in matching]
    absent = [name for name in counted if name not in found]
    file = weights.path.name
    if not matched:
        raise SettingsError(
            f"none of the {len(counted)} tensors of the network is in {file}, whose names begin with "
            f"{_listed(list(found))}; those of the network are {_listed(counted)}; set `rename`",
            field="weights.rename",
        )
    if not any(value.is_meta for value in own.values()):
        network.load_state_dict(matching, strict=False)
    parts = [f"{matched} of {len(counted)} tensors are from {file}"]
    if other:
        parts.append(f"of another shape there: {_listed(other)}")
    if absent:
        parts.append(f"not there: {_listed(absent)}")
    unused = len(found.keys() - own.keys())
    if unused:
        parts.append(f"{unused} tensors of the file are not used")
    return "; ".join(parts)


def _tensors(weights: Weights) -> dict[str, Tensor]:
    path = weights.path.expanduser()
    try:
        with open_regular(path, WEIGHTS) as stream:
            digest = file_digest(stream, "sha256").hexdigest()
    except DataError as error:
        raise SettingsError(str(error), field="weights.path") from error
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror or error}", field="weights.path") from error
    if digest != weights.sha256:
        raise SettingsError(f"{path} is not the file of the recipe: its SHA-256 is {digest}", field="weights.path")
    try:
        found = _read(path)
    except Exception as error:  # decoders raise various errors on invalid bytes
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise SettingsError(
            f"{path}: is damaged or not a file of weights ({reason[0]}); save a state_dict as .safetensors or .pt",
            field="weights.path",
        ) from error
    while isinstance(found, Mapping) and not any(isinstance(value, Tensor) for value in found.values()):
        inside = next((found[name] for name in _WRAPPED if isinstance(found.get(name), Mapping)), None)
        if inside is None:
            break
        found = inside
    tensors = {str(name): value for name, value in found.items() if isinstance(value, Tensor)} if found else {}
    if not tensors:
        raise SettingsError(f"{path}: holds no tensors by name; save a state_dict", field="weights.path")
    return tensors


def _read(path: Path) -> Any:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    with torch.device("cpu"):
        return torch.load(path, map_location="cpu", weights_only=True)


def _renamed(tensors: Mapping[str, Tensor], rename: Mapping[str, str]) -> dict[str, Tensor]:
    """The tensors by their name in the network: the longest beginning counts, and ``module.`` is dropped."""
    if all(name.startswith("module.") for name in tensors):
        tensors = {name.removeprefix("module."): value for name, value in tensors.items()}
    found: dict[str, Tensor] = {}
    for name, value in tensors.items():
        start = max((start for start in rename if name.startswith(start)), key=len, default=None)
        found[name if start is None else rename[start] + name[len(start) :]] = value
    return found


def _listed(names: list[str]) -> str:
    more = [f"and {len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    return ", ".join([*names[:_SHOWN], *more])
