"""An experiment: a recipe with all components resolved and checked, and the plan of each stage."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from xdistill.interfaces.augmentation import Augmentation
from xdistill.interfaces.callback import Callback
from xdistill.interfaces.component import Choice, Component
from xdistill.interfaces.dataset import Dataset
from xdistill.interfaces.executor import Executor
from xdistill.interfaces.metric import Metric
from xdistill.interfaces.tracker import Tracker
from xdistill.interfaces.transform import Transform
from xdistill.recipe.schema.cross_fit import CrossFit
from xdistill.recipe.schema.recipe import Optimizer, Recipe, TermOptimizer
from xdistill.stats import METRICS, MetricFunction


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


def _roles(stage: StagePlan) -> set[str]:
    return {path.partition(".")[0] for path in stage.paths}


@dataclass(frozen=True)
class NetworkFacts:
    """Facts of a network that are known before training.

    Attributes:
        inputs: the modalities it reads.
        parameters: number of trainable numbers.
    """

    inputs: tuple[str, ...]
    parameters: int


@dataclass(frozen=True)
class Experiment:
    """Everything a run needs, checked; made by `assemble`.

    ``stages`` are those of the recipe; ``schedule`` are those that are run, which differ for some null controls.
    """

    recipe: Recipe
    data: Choice[Dataset]
    transforms: tuple[Choice[Transform], ...]
    augment: tuple[Choice[Augmentation], ...]
    networks: Mapping[str, Choice[Any]]
    facts: Mapping[str, NetworkFacts]
    stages: tuple[StagePlan, ...]
    schedule: tuple[StagePlan, ...]
    metrics: tuple[Choice[Metric], ...]
    callbacks: tuple[Choice[Callback], ...]
    executor: Choice[Executor]
    trackers: tuple[Choice[Tracker], ...]
    test: Choice[Dataset] | None = None

    @property
    def privileged(self) -> tuple[str, ...]:
        """The modalities that the teacher reads and the student does not."""
        if "teacher" not in self.facts:
            return ()
        return tuple(name for name in self.facts["teacher"].inputs if name not in self.facts["student"].inputs)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Every modality that some network reads."""
        return tuple(dict.fromkeys(name for facts in self.facts.values() for name in facts.inputs))

    @property
    def components(self) -> frozenset[type[Component]]:
        """Every component that affects the predictions, including nested ones."""
        losses = [choice for stage in self.stages for choice in stage.choices]
        parts = [self.data, *self.transforms, *self.augment, *self.networks.values(), *losses, *self.metrics]
        parts += self.callbacks
        parts += [] if self.test is None else [self.test]
        return components_of(parts)

    @property
    def epochs(self) -> int:
        """Epochs of one fold over all stages."""
        return sum(stage.epochs for stage in self.schedule)

    def metric(self, name: str) -> MetricFunction:
        """A standard metric, or one of the recipe's own, by name."""
        known: dict[str, MetricFunction] = {**METRICS, **{choice.use: choice.build() for choice in self.metrics}}
        return known[name] if name in known else self.data.build().schema().task.metrics[name]

    def resolved(self) -> dict[str, Any]:
        """The recipe with every default filled in, which is a recipe itself; without its search space."""
        plain = self.recipe.model_dump(mode="json")
        plain.pop("tune", None)
        plain["data"] = self.data.dump()
        task = plain["data"].pop("task", None)  # the recipe has it next to `data`
        if task is not None:
            plain["task"] = task
        if self.test is not None:
            plain["test"] = _complete(self.test, plain["data"])
            plain["test"].pop("task", None)
        if not self.callbacks:
            plain.pop("callbacks", None)  # a recipe without callbacks is the same run as before there were any
        for name in ("transforms", "augment", "metrics", *(["callbacks"] if self.callbacks else []), "trackers"):
            choices: tuple[Choice[Any], ...] = getattr(self, name)
            plain[name] = [choice.dump() for choice in choices]
        for role in ("teacher", "student"):
            plain[role] = self.networks[role].dump() if role in self.networks else None
        plain["stages"] = [stage.dump() for stage in self.stages]
        plain["executor"] = self.executor.dump()
        return plain

    def summary(self) -> dict[str, str]:
        """A short description, line by line."""
        lines = {"recipe": self.recipe.name, "data": self.data.use}
        for role, facts in self.facts.items():
            seen = ", ".join(facts.inputs) or "nothing"
            lines[role] = f"{self.networks[role].use}, sees {seen}, {facts.parameters:,} parameters"
        if self.privileged:
            lines["privileged"] = f"{', '.join(self.privileged)}: the student never sees it"
        for stage in self.schedule:
            lines[f"stage {stage.name}"] = stage.describe()
        if self.recipe.control:
            lines["control"] = f"{self.recipe.control.replace('_', ' ')}: this is not the method but a null control"
        if self.recipe.missing.use != "refuse":
            lines["missing"] = f"{self.recipe.missing.use.replace('_', ' ')} what only the teacher reads"
        kept = self.data.build().kept_columns()
        if kept:
            lines["kept"] = f"{', '.join(kept)}: columns for splits, which no network reads"
        lines["splits"] = self.recipe.crossval.describe()
        if self.test is not None:
            lines["test"] = f"{self.test.use}: an external cohort, never trained on"
        return lines


def _complete(test: Choice[Dataset], data: Mapping[str, Any]) -> dict[str, Any]:
    """The block of an external cohort, with all settings that it would otherwise take over from `data`."""
    dumped = test.dump()
    left_out = {name for name in data if name not in dumped and name in type(test.settings).model_fields}
    return {**dumped, **{name: to_jsonable_python(getattr(test.settings, name)) for name in sorted(left_out)}}


def components_of(parts: Iterable[Choice[Any]]) -> frozenset[type[Component]]:
    """The components of some choices, those within others included."""
    return frozenset(choice.component for part in parts for choice in _choices(part))


def _choices(value: Any) -> Iterator[Choice[Any]]:
    """Every choice in a component's settings, however deep."""
    if isinstance(value, Choice):
        yield value
        yield from _choices(value.settings)
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _choices(getattr(value, name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _choices(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _choices(item)


def modality_of(choice: Choice[Any]) -> str:
    """The modality that a transform is for."""
    return cast("Transform.Config", choice.settings).modality


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
