"""An experiment: a recipe whose components are resolved and whose parts are known to fit together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from pydantic import BaseModel

from xdistill.interfaces.augmentation import Augmentation
from xdistill.interfaces.component import Choice, Component
from xdistill.interfaces.dataset import Dataset
from xdistill.interfaces.executor import Executor
from xdistill.interfaces.metric import Metric
from xdistill.interfaces.transform import Transform
from xdistill.recipe.schema import Optimizer, Recipe


@dataclass(frozen=True)
class TermPlan:
    """One term of an objective.

    Attributes:
        label: unique within the stage; what the term is called in histories and messages.
        choice: the loss.
        on: the network a task loss is put on; empty for a distillation loss.
        weight: factor in the sum.
        output: which logits a task loss scores.
        detach_teacher: whether the teacher is cut off from this term's gradient.
    """

    label: str
    choice: Choice[Any]
    on: str
    weight: float
    output: str
    detach_teacher: bool

    @property
    def roles(self) -> tuple[str, ...]:
        """The networks whose output this term needs."""
        return (self.on,) if self.on else ("teacher", "student")


@dataclass(frozen=True)
class StagePlan:
    """One stage of training, defaults filled in."""

    name: str
    train: tuple[str, ...]
    epochs: int
    terms: tuple[TermPlan, ...]
    optimizer: Optimizer
    batch_size: int


@dataclass(frozen=True)
class NetworkFacts:
    """What is known of a network before any training.

    Attributes:
        inputs: the modalities it reads.
        parameters: number of trainable numbers.
    """

    inputs: tuple[str, ...]
    parameters: int


@dataclass(frozen=True)
class Experiment:
    """Everything a run needs, checked; made by `assemble`."""

    recipe: Recipe
    data: Choice[Dataset]
    transforms: tuple[Choice[Transform], ...]
    augment: tuple[Choice[Augmentation], ...]
    networks: Mapping[str, Choice[Any]]
    facts: Mapping[str, NetworkFacts]
    stages: tuple[StagePlan, ...]
    metrics: tuple[Choice[Metric], ...]
    executor: Choice[Executor]

    @property
    def privileged(self) -> tuple[str, ...]:
        """The modalities that the teacher has and the student never sees."""
        if "teacher" not in self.facts:
            return ()
        return tuple(name for name in self.facts["teacher"].inputs if name not in self.facts["student"].inputs)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Every modality that some network reads."""
        return tuple(dict.fromkeys(name for facts in self.facts.values() for name in facts.inputs))

    @property
    def components(self) -> frozenset[type[Component]]:
        """Every component that decides the predictions, those within others included."""
        terms = [term.choice for stage in self.stages for term in stage.terms]
        parts = [self.data, *self.transforms, *self.augment, *self.networks.values(), *terms, *self.metrics]
        return frozenset(choice.component for part in parts for choice in _choices(part))

    @property
    def epochs(self) -> int:
        """Epochs of one fold over all stages."""
        return sum(stage.epochs for stage in self.stages)

    def resolved(self) -> dict[str, Any]:
        """The recipe with every default filled in; a recipe itself."""
        plain = self.recipe.model_dump(mode="json")
        plain["data"] = self.data.dump()
        for name, choices in (("transforms", self.transforms), ("augment", self.augment), ("metrics", self.metrics)):
            plain[name] = [choice.dump() for choice in choices]
        for role in ("teacher", "student"):
            plain[role] = self.networks[role].dump() if role in self.networks else None
        plain["stages"] = [_stage(stage) for stage in self.stages]
        plain["executor"] = self.executor.dump()
        return plain

    def summary(self) -> dict[str, str]:
        """A few lines for people."""
        lines = {"recipe": self.recipe.name, "data": self.data.use}
        for role, facts in self.facts.items():
            lines[role] = f"{self.networks[role].use}, sees {', '.join(facts.inputs)}, {facts.parameters:,} parameters"
        if self.privileged:
            lines["privileged"] = f"{', '.join(self.privileged)}: the student never sees it"
        for stage in self.stages:
            terms = " + ".join(_weighted(term) for term in stage.terms)
            lines[f"stage {stage.name}"] = f"trains {', '.join(stage.train)} for {stage.epochs} epochs on {terms}"
        crossval = self.recipe.crossval
        lines["splits"] = f"{crossval.repeats} x {crossval.folds} folds"
        return lines


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


def _stage(stage: StagePlan) -> dict[str, Any]:
    return {
        "name": stage.name,
        "train": list(stage.train),
        "epochs": stage.epochs,
        "objective": [_term(term) for term in stage.terms],
        "optimizer": stage.optimizer.model_dump(mode="json"),
        "batch_size": stage.batch_size,
    }


def _term(term: TermPlan) -> dict[str, Any]:
    return {
        **term.choice.dump(),
        "on": term.on or None,
        "weight": term.weight,
        "output": term.output,
        "detach_teacher": term.detach_teacher,
    }


def _weighted(term: TermPlan) -> str:
    return term.label if term.weight == 1 else f"{term.weight:g} {term.label}"
