"""From a recipe and the catalog to an experiment; every fault is found before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from xdistill.engine.checks import Checker
from xdistill.engine.experiment import Experiment, NetworkFacts, StagePlan, TermPlan
from xdistill.errors import Fault, RecipeError
from xdistill.interfaces.augmentation import Augmentation
from xdistill.interfaces.component import Choice, Component, Settings, UnknownComponentError, choose
from xdistill.interfaces.dataset import Dataset
from xdistill.interfaces.executor import Executor
from xdistill.interfaces.loss import DistillationLoss, TaskLoss
from xdistill.interfaces.metric import Metric
from xdistill.interfaces.network import Student, Teacher
from xdistill.interfaces.transform import Transform
from xdistill.plugin import Catalog
from xdistill.recipe.loaded import LoadedRecipe
from xdistill.recipe.schema import Block, Stage, Term
from xdistill.recipe.suggest import did_you_mean

C = TypeVar("C", bound=Component)
Place = tuple[str | int, ...]


def assemble(loaded: LoadedRecipe, catalog: Catalog) -> Experiment:
    """Resolve every component of a recipe, validate all settings, and check that the parts fit the cohort.

    Raises:
        RecipeError: all faults at once.
        DataError: when the cohort's source cannot be used.
    """
    resolving = _Resolving(loaded, catalog)
    recipe = loaded.recipe
    data = resolving.choose(Dataset, recipe.data, ("data",))
    transforms = resolving.choose_all(Transform, recipe.transforms, "transforms")
    augment = resolving.choose_all(Augmentation, recipe.augment, "augment")
    networks: dict[str, Choice[Any] | None] = {}
    if recipe.teacher is not None:
        networks["teacher"] = resolving.choose(Teacher, recipe.teacher, ("teacher",))
    networks["student"] = resolving.choose(Student, recipe.student, ("student",))
    stages = tuple(resolving.stage(stage, index) for index, stage in enumerate(recipe.stages))
    metrics = resolving.choose_all(Metric, recipe.metrics, "metrics")
    executor = resolving.choose(Executor, recipe.executor, ("executor",))
    resolving.raise_faults()
    assert data is not None  # noqa: S101 - a missing choice was a fault
    assert executor is not None  # noqa: S101 - likewise

    checker = Checker(loaded, data.build(), {role: choice for role, choice in networks.items() if choice})
    checker.check(transforms, augment, stages)
    return Experiment(
        recipe=recipe,
        data=data,
        transforms=transforms,
        augment=augment,
        networks=checker.choices,
        facts={
            role: NetworkFacts(network.inputs, sum(parameter.numel() for parameter in network.parameters()))
            for role, network in checker.networks.items()
        },
        stages=stages,
        metrics=metrics,
        executor=executor,
    )


def choose_dataset(loaded: LoadedRecipe, catalog: Catalog) -> Choice[Dataset]:
    """The recipe's data set alone.

    Raises:
        RecipeError: all faults at once.
    """
    resolving = _Resolving(loaded, catalog)
    data = resolving.choose(Dataset, loaded.recipe.data, ("data",))
    resolving.raise_faults()
    assert data is not None  # noqa: S101 - a missing choice was a fault
    return data


@dataclass
class _Resolving:
    """Resolves blocks and collects what is wrong with them."""

    loaded: LoadedRecipe
    catalog: Catalog
    faults: list[Fault] = field(default_factory=list)

    def raise_faults(self) -> None:
        if self.faults:
            raise RecipeError(self.faults)

    def choose(self, interface: type[C], block: Block, place: Place) -> Choice[C] | None:
        return self._choose(interface, {"use": block.use, **block.settings()}, place)

    def choose_all(self, interface: type[C], blocks: Sequence[Block], name: str) -> tuple[Choice[C], ...]:
        found = [self.choose(interface, block, (name, index)) for index, block in enumerate(blocks)]
        return tuple(choice for choice in found if choice is not None)

    def stage(self, stage: Stage, index: int) -> StagePlan:
        place = ("stages", index, "objective")
        labels = _labels(stage.objective)
        terms = [self._term(term, labels[at], (*place, at)) for at, term in enumerate(stage.objective)]
        return StagePlan(
            name=stage.name,
            train=stage.train,
            epochs=stage.epochs,
            terms=tuple(term for term in terms if term is not None),
            optimizer=stage.optimizer or self.loaded.recipe.optimizer,
            batch_size=stage.batch_size or self.loaded.recipe.loader.batch_size,
        )

    def _choose(self, interface: type[C], raw: Mapping[str, Any], place: Place) -> Choice[C] | None:
        try:
            return choose(interface, raw, self.catalog)
        except PydanticCustomError as error:
            self._fault((*place, "use"), error.message())
        except ValidationError as error:
            settings = self.catalog.resolve(interface, raw["use"]).Config
            self.faults += self.loaded.faults(error, at=place, model=settings, config_of=self._config_of)
        return None

    def _config_of(self, annotation: Any, value: Any) -> type[Settings] | None:
        """The settings of a component that stands within another's, for "did you mean"."""
        name = value.get("use") if isinstance(value, Mapping) else value
        if get_origin(annotation) is not Choice or not isinstance(name, str):
            return None
        try:
            return self.catalog.resolve(get_args(annotation)[0], name).Config
        except UnknownComponentError:
            return None

    def _term(self, term: Term, label: str, place: Place) -> TermPlan | None:
        task, distillation = (self.catalog.has(kind, term.use) for kind in ("task_loss", "distillation_loss"))
        if not task and not distillation:
            self._unknown_loss(term.use, place)
            return None
        if distillation and term.on is not None and not task:
            self._fault((*place, "on"), f"{term.use!r} is a distillation loss, between both networks: leave out `on`")
            return None
        is_task = task and (not distillation or term.on is not None)
        raw = {"use": term.use, **term.settings()}
        choice: Choice[Any] | None = (
            self._choose(TaskLoss, raw, place) if is_task else self._choose(DistillationLoss, raw, place)
        )
        if choice is None:
            return None
        return TermPlan(
            label=label,
            choice=choice,
            on=(term.on or "student") if is_task else "",
            weight=term.weight,
            output=term.output,
            detach_teacher=term.detach_teacher,
        )

    def _unknown_loss(self, name: str, place: Place) -> None:
        known = [*self.catalog.names("task_loss"), *self.catalog.names("distillation_loss")]
        self._fault((*place, "use"), f"there is no loss {name!r}{did_you_mean(name, known)}")

    def _fault(self, place: Place, message: str) -> None:
        self.faults.append(self.loaded.fault(place, message))


def _labels(terms: Sequence[Term]) -> list[str]:
    """Short names that tell the terms of a stage apart: ``focal:teacher``, ``class_kl``, ``class_kl#2``."""
    labels: list[str] = []
    for term in terms:
        label = ":".join(
            part for part in (term.use, term.on or "", "" if term.output == "logits" else term.output) if part
        )
        twice = sum(other.split("#")[0] == label for other in labels)
        labels.append(f"{label}#{twice + 1}" if twice else label)
    return labels
