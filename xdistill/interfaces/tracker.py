"""Trackers: show a run while it is in progress, in TensorBoard or MLflow for example."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xdistill.interfaces.component import Component, Settings


@dataclass(frozen=True)
class TrackedRun:
    """The facts of a run that a tracker gets.

    Attributes:
        name: of the run, such as ``mvi_hcc/cmdnet``; null controls have their own.
        identity: twelve hexadecimal digits; a resumed run has the same.
        folder: of the run.
        recipe: fully resolved, plain data.
        facts: cohort, whether it is synthetic, versions.
    """

    name: str
    identity: str
    folder: Path
    recipe: Mapping[str, Any]
    facts: Mapping[str, str]


class Tracker(Component, ABC):
    """Gets losses and scores in the process that drives the run; does not affect the run.

    It never gets a subject. An error of a tracker is reported once, and the run continues without it. A resumed run
    builds it again, with the same `TrackedRun` and later steps.
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
