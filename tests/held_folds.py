"""Folds that stop after their second epoch until a test says go: they cannot be over before what it does to them.

While `held` is entered these functions stand in for the engine's own; importable, so that workers find them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeGuard

import pytest

from waiting import until
from xdistill.crossval.events import EpochEnded, Event

HELD_AFTER = 2  # epochs: enough for a checkpoint
ALL = "all"
PATIENCE = 480.0  # seconds; a test that forgets to say go is to fail for that, and not for its time limit


def run_fold(payload: Mapping[str, Any]) -> Iterator[Event]:
    """`xdistill.crossval.fold.run_fold`, held after an epoch."""
    from xdistill.crossval import fold

    for event in fold.run_fold(payload):
        yield event
        if is_held(event):
            _wait(payload["run"], event.fold)


def run_first(payload: Mapping[str, Any]) -> Iterator[Event]:
    """`xdistill.crossval.fold.run_fold` for ``r0-f0``; any other fold goes no further than its first epoch."""
    from xdistill.crossval import fold

    for event in fold.run_fold(payload):
        yield event
        if isinstance(event, EpochEnded) and event.fold != "r0-f0":
            _wait(payload["run"], event.fold)


def run_distributed(payload: Mapping[str, Any]) -> Iterator[Event]:
    """`xdistill.distributed.launch.run_distributed`, whose first process is held after an epoch."""
    from xdistill.distributed import launch

    yield from launch.run_distributed(payload, "held_folds:run_fold")


@contextmanager
def held() -> Iterator[None]:
    """While it is entered, runs have their folds computed by these functions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xdistill.crossval.execute.FOLD_FUNCTION", "held_folds:run_fold")
        patch.setattr("xdistill.crossval.execute.DISTRIBUTED_FUNCTION", "held_folds:run_distributed")
        yield


def is_held(event: object) -> TypeGuard[EpochEnded]:
    """Whether the fold that says this goes no further before `let_go`."""
    return isinstance(event, EpochEnded) and event.done == HELD_AFTER


def let_go(run: str | Path, fold: str = ALL) -> None:
    """Let a fold of a run go on; without its name all of them, those too that are started later.

    Args:
        run: the run's folder, as `RunStarted` says it.
        fold: such as ``r0-f0``.
    """
    _go(run, fold).touch()


def _wait(run: str, fold: str) -> None:
    until(lambda: _go(run, fold).exists() or _go(run, ALL).exists(), f"that the test lets {fold} go on", PATIENCE)


def _go(run: str | Path, fold: str) -> Path:
    path = Path(run)
    return path.with_name(f"{path.name}-go-{fold}")  # beside the folder, in which are none but a run's own files
