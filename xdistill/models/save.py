"""Writes a model folder: complete or not at all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from safetensors.torch import save as save_tensors

from xdistill.errors import ModelError, RunError
from xdistill.models.config import FORMAT, FORMAT_VERSION, ModelConfig
from xdistill.models.ensemble import Ensemble
from xdistill.models.files import CALIBRATION, CONFIG, INTERVALS, TRAINING, WEIGHTS
from xdistill.runs.checksums import CHECKSUMS, digest
from xdistill.runs.files import make_folder, move_folder
from xdistill.runs.temporary import put_back, sweep, temporary_path


def save_model(model: Ensemble, path: Path, *, card: str = "") -> Path:
    """Write a model.

    Args:
        model: the trained student.
        path: folder to write. One that holds a model is replaced; anything else is left alone.
        card: text of the model card; empty: none is written.

    Returns:
        The folder.

    Raises:
        ModelError: if the folder holds something else, or cannot be written.
    """
    check_target(path)
    put_back(path)
    sweep(path.parent, name=path.name)
    temporary = temporary_path(path)
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        make_folder(temporary, option="--to")
        _write(model, temporary, card)
        old = temporary_path(path, "old")
        if path.exists():
            path.replace(old)
        move_folder(temporary, path, option="--to")
        shutil.rmtree(old, ignore_errors=True)
    except (OSError, RunError) as error:
        raise ModelError(f"{path}: cannot be written: {error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return path


def check_target(path: Path) -> None:
    """Check that a model may be written to a folder.

    Raises:
        ModelError: if it is a file, or a folder that holds something else than a model.
    """
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise ModelError(f"{path}: is not a folder; choose another name for the model")
    if path.is_dir() and any(path.iterdir()) and not ((path / CHECKSUMS).is_file() and (path / CONFIG).is_file()):
        raise ModelError(f"{path}: the folder holds something other than a model; choose another name for the model")


def _write(model: Ensemble, folder: Path, card: str) -> None:
    members: list[dict[str, Any]] = []
    for index, member in enumerate(model.members):
        name = WEIGHTS if len(model.members) == 1 else f"member-{index:03d}.safetensors"
        tensors = {key: value.detach().cpu().contiguous().clone() for key, value in member.network.state_dict().items()}
        (folder / name).write_bytes(save_tensors(tensors))
        members.append({"name": member.name, "weights": name, "transforms": member.transforms.state()})
    plain = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        **model.config.to_json(),
        "members": members,
    }
    ModelConfig.model_validate(plain)
    _json(folder / CONFIG, plain)
    if model.calibration is not None:
        _json(folder / CALIBRATION, model.calibration.to_json())
    if model.intervals is not None:
        _json(folder / INTERVALS, model.intervals.to_json())
    if model.training:
        _json(folder / TRAINING, dict(model.training))
    if card:
        (folder / "README.md").write_text(card, encoding="utf-8")
    _json(folder / CHECKSUMS, {"sha256": {file.name: digest(file) for file in sorted(folder.iterdir())}})


def _json(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
