"""Stages that train the teacher alone run once; other runs load the teacher that they would come to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from xdistill.distillation.teacher_cache.key import state_digest
from xdistill.distillation.teacher_cache.store import TeacherCache

_NETWORK, _LOSSES = "network.", "losses."


@dataclass(frozen=True)
class TrainedTeacher:
    """A teacher as its stage left it.

    Attributes:
        network: weights and buffers.
        losses: parameters of the stage's losses, by stage and name.
        rows: of the history, one per epoch.
    """

    network: Mapping[str, Tensor]
    losses: Mapping[str, Tensor]
    rows: list[dict[str, Any]]


def write_teacher(cache: TeacherCache, key: str, teacher: TrainedTeacher) -> None:
    """Keep a trained teacher for other runs."""
    tensors = {f"{_NETWORK}{name}": value for name, value in teacher.network.items()}
    tensors |= {f"{_LOSSES}{name}": value for name, value in teacher.losses.items()}
    plain = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    rows = json.dumps(teacher.rows)
    facts = {"key": key, "digest": state_digest(plain), "rows": rows, "rows_sha256": _sha256(rows)}
    cache.write(cache.teacher(key), save(plain, facts))


def read_teacher(cache: TeacherCache, key: str, like: Mapping[str, Tensor]) -> TrainedTeacher | None:
    """The teacher under a key; None if there is none, or if the file is damaged.

    Args:
        cache: where it is.
        key: of the teacher.
        like: weights and buffers of a teacher of the same shape.
    """
    path = cache.teacher(key)
    found = cache.read(path, partial(_parse, key=key), "the cached teacher is damaged")
    if found is not None and _shapes(found.network) != _shapes(like):
        cache.refuse(path, "the cached teacher has other shapes")
        return None
    return found


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    return {name: value.shape for name, value in tensors.items()}


def _parse(path: Path, key: str) -> TrainedTeacher:
    with safe_open(path, framework="pt") as file:
        facts = file.metadata() or {}
        tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    rows = facts["rows"]
    # Files of earlier versions have no digest of the rows.
    whole = facts["digest"] == state_digest(tensors) and facts.get("rows_sha256", _sha256(rows)) == _sha256(rows)
    if facts["key"] != key or not whole:
        msg = "its content is not what was written"
        raise ValueError(msg)
    return TrainedTeacher(_part(tensors, _NETWORK), _part(tensors, _LOSSES), json.loads(rows))


def _sha256(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
