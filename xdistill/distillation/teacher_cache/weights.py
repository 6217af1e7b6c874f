"""Stages that teach the teacher alone: once for all runs that would come to the same bits."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from xdistill.crossval.events import Event
from xdistill.distillation.teacher_cache.key import key_of_trained, state_digest
from xdistill.distillation.teacher_cache.store import TeacherCache

if TYPE_CHECKING:
    from xdistill.training.train import Trainer

_NETWORK, _LOSSES = "network.", "losses."


@dataclass(frozen=True)
class Taught:
    """A teacher as a stage left it.

    Attributes:
        network: its weights and buffers.
        losses: parameters of the stage's losses, by stage and name.
        rows: of the history, one an epoch.
    """

    network: Mapping[str, Tensor]
    losses: Mapping[str, Tensor]
    rows: list[dict[str, Any]]


def taught_once(trainer: Trainer, index: int, begin: int, train: Callable[[], Iterator[Event]]) -> Iterator[Event]:
    """Run a stage, or take over the teacher that it would come to.

    Args:
        trainer: of the fold.
        index: of the stage.
        begin: epochs of it that are done; with any, it is gone on with.
        train: runs the stage.
    """
    cache = trainer.cache
    key = None if cache is None else key_of_trained(trainer, index)
    if cache is None or key is None:
        yield from train()
        return
    with cache.one_at_a_time(key):
        found = None if begin else _load(cache, key, trainer.networks["teacher"].state_dict())
        if found is None:
            yield from train()
            _keep(cache, key, trainer, trainer.experiment.schedule[index].name)
            return
    trainer.networks["teacher"].load_state_dict(found.network)
    trainer.losses |= found.losses
    yield from trainer.take_over(index, found.rows)


def _keep(cache: TeacherCache, key: str, trainer: Trainer, stage: str) -> None:
    losses = {name: value for name, value in trainer.losses.items() if name.startswith(f"{stage}.")}
    tensors = {f"{_NETWORK}{name}": value for name, value in trainer.networks["teacher"].state_dict().items()}
    tensors |= {f"{_LOSSES}{name}": value for name, value in losses.items()}
    plain = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    rows = [row for row in trainer.history if row["stage"] == stage]
    facts = {"key": key, "digest": state_digest(plain), "rows": json.dumps(rows)}
    cache.keep(cache.teacher(key), save(plain, facts))


def _load(cache: TeacherCache, key: str, like: Mapping[str, Tensor]) -> Taught | None:
    """What is kept under a key; None when nothing is, or when that is not what was written."""
    path = cache.teacher(key)
    found = cache.found(path, partial(_read, key=key), "the trained teacher that is kept there is damaged")
    if found is not None and {name: value.shape for name, value in found.network.items()} != {
        name: value.shape for name, value in like.items()
    }:
        cache.refuse(path, "the teacher that is kept there is another one")
        return None
    return found


def _read(path: Path, key: str) -> Taught:
    with safe_open(path, framework="pt") as file:
        facts = file.metadata() or {}
        tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    if facts["key"] != key or facts["digest"] != state_digest(tensors):
        msg = "its content is not what was written"
        raise ValueError(msg)
    return Taught(_part(tensors, _NETWORK), _part(tensors, _LOSSES), json.loads(facts["rows"]))


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
