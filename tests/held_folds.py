"""Folds that stop after their second epoch until a test says go: they cannot be over before what it does to them.

While `held` is entered these functions stand in for the engine's own; importable, so that workers find them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from waiting import until
from xdistill.engine.events import EpochEnded, Event

HELD_AFTER = 2  # epochs: enough for a checkpoint
PATIENCE = 240.0  # seconds; a test that forgets to say go is to fail for that, and not for its time limit


def run_fold(payload: Mapping[str, Any]) -> Iterator[Event]:
    """`xdistill.engine.fold.run_fold`, held after an epoch."""
    from xdistill.engine import fold

    for event in fold.run_fold(payload):
        yield event
        if isinstance(event, EpochEnded) and event.done == HELD_AFTER:
            until(_go(payload["run"]).exists, f"that the test lets {event.fold} go on", PATIENCE)


def run_together(payload: Mapping[str, Any]) -> Iterator[Event]:
    """`xdistill.engine.parallel.ranks.run_together`, whose first process is held after an epoch."""
    from xdistill.engine.parallel import ranks

    yield from ranks.run_together(payload, "held_folds:run_fold")


@contextmanager
def held() -> Iterator[None]:
    """While it is entered, runs have their folds computed by these functions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xdistill.engine.crossval.FOLD_FUNCTION", "held_folds:run_fold")
        patch.setattr("xdistill.engine.crossval.TOGETHER_FUNCTION", "held_folds:run_together")
        yield


def is_held(event: object) -> bool:
    """Whether the fold that says this goes no further before `let_go`."""
    return isinstance(event, EpochEnded) and event.done == HELD_AFTER


def let_go(run: str | Path) -> None:
    """Let all folds of a run go on, those too that are started later.

    Args:
        run: its folder, as `RunStarted` says it.
    """
    _go(run).touch()


def _go(run: str | Path) -> Path:
    return Path(run).with_name("go")  # beside the folder, in which are none but a run's own files
