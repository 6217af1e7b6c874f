"""An experiment: a recipe with all components resolved and checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from xdistill.experiment.stages.plans import StagePlan
from xdistill.interfaces.augmentation import Augmentation
from xdistill.interfaces.callback import Callback
from xdistill.interfaces.component import Choice, Component
from xdistill.interfaces.dataset import Dataset
from xdistill.interfaces.executor import Executor
from xdistill.interfaces.fine_tuning import FineTuned
from xdistill.interfaces.metric import Metric
from xdistill.interfaces.network import Network
from xdistill.interfaces.tracker import Tracker
from xdistill.interfaces.transform import Transform
from xdistill.recipe.schema.recipe import Recipe
from xdistill.stats import METRICS, MetricFunction


@dataclass(frozen=True)
class NetworkFacts:
    """Facts of a network that are known before training.

    Attributes:
        inputs: the modalities it reads.
        parameters: number of trainable numbers.
        notes: of its parts that begin with weights from a file; see `FineTuned`.
    """

    inputs: tuple[str, ...]
    parameters: int
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, network: Network) -> NetworkFacts:
        """The facts of a network."""
        parts = [part for part in network.modules() if isinstance(part, FineTuned)]
        notes = dict.fromkeys(note for part in parts for note in part.notes)
        return cls(network.inputs, sum(parameter.numel() for parameter in network.parameters()), tuple(notes))


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
            if facts.notes:
                lines[f"weights of the {role}"] = "; ".join(facts.notes)
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
