"""A run that is ready to start or to resume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from xdistill.data import Cohort, Splits
from xdistill.experiment.plans import Experiment
from xdistill.interfaces.component import Component
from xdistill.runs import RunFolder, fold_name


@dataclass(frozen=True)
class Prepared:
    """A run that is ready to start or to go on."""

    experiment: Experiment
    cohort: Cohort
    splits: Splits
    folder: RunFolder
    resolved: dict[str, Any]
    identity: str
    versions: dict[str, str]
    facts: dict[str, Any]  # of the driver, for its workers to compare with
    profile: str
    control_of: str = ""  # id of the run that this one is a control of
    recipes: Mapping[str, dict[str, Any]] = field(default_factory=dict)  # by fold, where it is not `resolved`
    notes: Mapping[str, Any] = field(default_factory=dict)  # what else the record says
    also: frozenset[type[Component]] = frozenset()  # that folds may be made of, where it is not the recipe's own

    @property
    def folds(self) -> tuple[str, ...]:
        """Names of all folds."""
        return tuple(fold_name(split.repeat, split.fold) for split in self.splits)
