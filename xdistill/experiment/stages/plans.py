"""The plan of each stage: what is trained or fitted in it, and on what."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from xdistill.interfaces.component import Choice
from xdistill.recipe.schema.cross_fit import CrossFit
from xdistill.recipe.schema.recipe import Optimizer, TermOptimizer


@dataclass(frozen=True)
class TermPlan:
    """One term of an objective.

    Attributes:
        label: unique within the stage; what the term is called in histories and messages.
        choice: the loss.
        on: the network a task loss is put on; empty for a distillation loss.
        weight: factor in the sum.
        output: which logits a task loss scores, or which of the teacher's a distillation loss compares.
        detach_teacher: whether the output of the network that teaches is detached for this term.
        teaches: the network that learns from a distillation loss.
        optimizer: settings of the loss's own parameters; None: the stage's.
    """

    label: str
    choice: Choice[Any]
    on: str
    weight: float
    output: str
    detach_teacher: bool
    teaches: str = "student"
    optimizer: TermOptimizer | None = None

    @property
    def roles(self) -> tuple[str, ...]:
        """The networks whose output this term needs."""
        return (self.on,) if self.on else ("teacher", "student")

    @property
    def learner(self) -> str:
        """The network that learns from this term."""
        return self.on or self.teaches

    def predicts(self, modalities: Collection[str]) -> bool:
        """Whether it is a task loss by which the network predicts one of these modalities."""
        return bool(self.on) and not set(modalities).isdisjoint(self.choice.component.predicted(self.choice.settings))


@dataclass(frozen=True)
class StagePlan(ABC):
    """One stage with defaults filled in; `xdistill.crossval.fold_run` runs it.

    Attributes:
        name: unique among the stages.
        epochs: how many it counts for.
        cross_fit: whether the teacher is cross-fitted after this stage, and how.
    """

    name: str
    epochs: int
    cross_fit: CrossFit | None = field(default=None, kw_only=True)

    @property
    @abstractmethod
    def paths(self) -> tuple[str, ...]:
        """What is trained or fitted: networks, or parts of them by dotted path."""

    @property
    def choices(self) -> tuple[Choice[Any], ...]:
        """The components that the stage itself names."""
        return ()

    @abstractmethod
    def dump(self) -> dict[str, Any]:
        """The stage as a recipe writes it."""

    @abstractmethod
    def describe(self) -> str:
        """What it does, in one line."""


@dataclass(frozen=True)
class TrainPlan(StagePlan):
    """A stage of training by gradient; ``control`` names the null control that replaces the teacher in it."""

    train: tuple[str, ...]
    terms: tuple[TermPlan, ...]
    optimizer: Optimizer
    batch_size: int
    control: str = ""

    @property
    def paths(self) -> tuple[str, ...]:
        """What is trained."""
        return self.train

    @property
    def choices(self) -> tuple[Choice[Any], ...]:
        """The losses."""
        return tuple(term.choice for term in self.terms)

    def dump(self) -> dict[str, Any]:
        """The stage as a recipe writes it."""
        return {
            "name": self.name,
            "train": list(self.train),
            "epochs": self.epochs,
            "objective": [_term(term) for term in self.terms],
            "optimizer": self.optimizer.model_dump(mode="json"),
            "batch_size": self.batch_size,
            **_cross_fit(self),
        }

    def describe(self) -> str:
        """What it does, in one line."""
        terms = " + ".join(_weighted(term) for term in self.terms)
        instead = f", with {self.control.replace('_', ' ')} in place of the teacher" if self.control else ""
        return f"trains {', '.join(self.train)} for {self.epochs} epochs on {terms}{instead}"


@dataclass(frozen=True)
class FitPlan(StagePlan):
    """A stage that fits estimators; it sees all training subjects once, and counts for one epoch."""

    epochs: int = field(default=1, init=False)
    fit: tuple[str, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """What is fitted."""
        return self.fit

    def dump(self) -> dict[str, Any]:
        """The stage as a recipe writes it."""
        return {"name": self.name, "fit": list(self.fit), **_cross_fit(self)}

    def describe(self) -> str:
        """What it does, in one line."""
        return f"fits {', '.join(self.fit)}"


@dataclass(frozen=True)
class CrossFitPlan(StagePlan):
    """Trains one teacher without each inner fold of the training subjects; part of the schedule, not of the recipe.

    Attributes:
        folds: how many.
        stages: that train a teacher.
    """

    folds: int
    stages: tuple[StagePlan, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """None: the networks of the fold do not change."""
        return ()

    def dump(self) -> dict[str, Any]:
        """The stages and the number of inner folds."""
        return {"name": self.name, "folds": self.folds, "stages": [stage.dump() for stage in self.stages]}

    def describe(self) -> str:
        """What it does, in one line."""
        return (
            f"trains {self.folds} more teachers, each without one of {self.folds} inner folds; each training subject "
            f"is taught by the teacher that did not learn from it"
        )


def teaches(stage: StagePlan) -> bool:
    """Whether a stage trains the teacher or a part of it."""
    return "teacher" in _roles(stage)


def teaches_alone(stage: StagePlan) -> bool:
    """Whether a stage trains the teacher and nothing else."""
    if _roles(stage) != {"teacher"}:
        return False
    if isinstance(stage, TrainPlan):
        return not stage.control and all(term.on == "teacher" for term in stage.terms)
    return isinstance(stage, FitPlan)


def distils(stage: StagePlan) -> bool:
    """Whether a distillation loss trains the student, or a part of it, in a stage."""
    terms = stage.terms if isinstance(stage, TrainPlan) and "student" in _roles(stage) else ()
    return any(not term.on and term.weight > 0 and term.teaches == "student" for term in terms)


def _roles(stage: StagePlan) -> set[str]:
    return {path.partition(".")[0] for path in stage.paths}


def _cross_fit(stage: StagePlan) -> dict[str, Any]:
    return {} if stage.cross_fit is None else {"cross_fit": stage.cross_fit.model_dump(mode="json")}


def _term(term: TermPlan) -> dict[str, Any]:
    return {
        **term.choice.dump(),
        "on": term.on or None,
        "weight": term.weight,
        "output": term.output,
        "detach_teacher": term.detach_teacher,
        # Newer than existing runs, which keep their ids.
        **({} if term.teaches == "student" else {"teaches": term.teaches}),
        **({} if term.optimizer is None else {"optimizer": term.optimizer.model_dump(mode="json")}),
    }


def _weighted(term: TermPlan) -> str:
    return term.label if term.weight == 1 else f"{term.weight:g} {term.label}"
