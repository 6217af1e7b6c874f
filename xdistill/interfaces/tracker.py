"""Trackers: where the course of a run is shown while it goes on, such as TensorBoard or MLflow."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xdistill.interfaces.component import Component, Settings


@dataclass(frozen=True)
class TrackedRun:
    """What a tracker knows of the run.

    Attributes:
        name: of the run, such as ``mvi_hcc/cmdnet``; that of a control says which.
        identity: twelve hexadecimal digits; the same run, started again, has the same.
        folder: of the run.
        recipe: fully resolved, plain data.
        facts: a few lines for people: cohort, whether it is synthetic, versions.
    """

    name: str
    identity: str
    folder: Path
    recipe: Mapping[str, Any]
    facts: Mapping[str, str]


class Tracker(Component, ABC):
    """Is told what happens, in the process that drives the run; decides nothing.

    It never sees a subject. Whatever it raises is told once, and the run goes on without it. A run that goes on
    after a kill calls it anew, with the same `TrackedRun` and later steps.
    """

    def __init__(self, config: Settings, *, run: TrackedRun) -> None:
        self.config = config
        self.run = run

    @abstractmethod
    def log(self, values: Mapping[str, float], *, fold: str, stage: str, step: int) -> None:
        """An epoch is over.

        Args:
            values: losses by term, ``total`` for their weighted sum, and ``lr``.
            fold: such as ``r0-f3``.
            stage: the stage's name.
            step: epochs of this fold that are over, in all stages.
        """

    @abstractmethod
    def finish(self, scores: Mapping[str, float]) -> None:
        """The run is finished.

        Args:
            scores: means over test folds, by ``role/metric``, such as ``student/auc_ovo``.
        """

    def close(self) -> None:
        """No call follows; the run may be finished, stopped or broken."""
