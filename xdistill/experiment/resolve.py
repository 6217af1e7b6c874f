"""From blocks of a recipe to components with checked settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from xdistill.errors import Problem, RecipeError
from xdistill.experiment.stages.plans import FitPlan, StagePlan, TermPlan, TrainPlan
from xdistill.interfaces.augmentation import Augmentation
from xdistill.interfaces.callback import Callback
from xdistill.interfaces.component import Choice, Component, Settings, UnknownComponentError, choose
from xdistill.interfaces.dataset import Dataset, TaskSettings
from xdistill.interfaces.executor import Executor
from xdistill.interfaces.labels import TaskReader
from xdistill.interfaces.loss import DistillationLoss, TaskLoss
from xdistill.interfaces.metric import Metric
from xdistill.interfaces.network import Student, Teacher
from xdistill.interfaces.tracker import Tracker
from xdistill.interfaces.transform import Transform
from xdistill.plugin import Catalog
from xdistill.plugin.catalog import OWN_FILE
from xdistill.recipe.problems import problem_at, problems_of
from xdistill.recipe.schema.recipe import Block, FitStage, Recipe, Term, TrainStage
from xdistill.recipe.yaml.nodes import MappingNode, to_plain
from xdistill.suggest import did_you_mean

C = TypeVar("C", bound=Component)
Place = tuple[str | int, ...]

SINGLE: Mapping[str, type[Component]] = {
    "data": Dataset,
    "task": TaskReader,
    "teacher": Teacher,
    "student": Student,
    "executor": Executor,
}
LISTS: Mapping[str, type[Component]] = {
    "transforms": Transform,
    "augment": Augmentation,
    "metrics": Metric,
    "callbacks": Callback,
    "trackers": Tracker,
}
AUTO = "auto"  # the default loss of the task
_OF_ONE_COHORT = frozenset({"title", "source"})  # settings that say what a cohort is
_TERM_FIELDS = frozenset(Term.model_fields) - {"use"}


@dataclass
class Resolving:
    """Resolves blocks and collects their problems.

    Attributes:
        root: the recipe's values with their origins.
        catalog: the registered components.
        problems: found so far.
        default_loss: what ``use: auto`` stands for in objectives; None as long as the task is not known.
    """

    root: MappingNode
    catalog: Catalog
    problems: list[Problem] = field(default_factory=list)
    default_loss: str | None = None

    def raise_problems(self) -> None:
        """Stop when there are problems.

        Raises:
            RecipeError: with all of them.
        """
        if self.problems:
            raise RecipeError(self.problems)

    def choose(self, interface: type[C], block: Block, place: Place) -> Choice[C] | None:
        """The component of a block; None when it has problems."""
        return self._choose(interface, {"use": block.use, **block.settings()}, place)

    def dataset(self, recipe: Recipe) -> Choice[Dataset] | None:
        """The recipe's data set, with the recipe's task if it reads labels as any task."""
        data = self.choose(Dataset, recipe.data, ("data",))
        task = None if recipe.task is None else self.choose(TaskReader, recipe.task, ("task",))
        if "task" in recipe.data.settings():
            self._problem(("data", "task"), "the task is set by `task` of the recipe, next to `data`; move it there")
        return self._with_task(recipe, data, task)

    def external(self, recipe: Recipe) -> Choice[Dataset] | None:
        """The external test cohort, with the recipe's task; None if there is none, or it has problems.

        If both cohorts are of the same data set, a setting that `test` leaves out is that of `data`: both are then
        preprocessed alike.
        """
        if recipe.test is None:
            return None
        given = {name: value for name, value in recipe.test.raw().items() if name != "use" or value}
        use = given.get("use", recipe.data.use)
        shared = {name: value for name, value in recipe.data.raw().items() if name not in _OF_ONE_COHORT}
        raw = {**(shared if use == recipe.data.use else {}), **given, "use": use}
        test = self._choose(Dataset, raw, ("test",))
        task = None if recipe.task is None or test is None else choose(TaskReader, recipe.task.raw(), self.catalog)
        return self._with_task(recipe, test, task)

    @staticmethod
    def _with_task(
        recipe: Recipe, data: Choice[Dataset] | None, task: Choice[TaskReader] | None
    ) -> Choice[Dataset] | None:
        if data is None or task is None or recipe.task == Block(use="classification"):
            return data
        if not isinstance(data.settings, TaskSettings):
            return data  # `check_task` compares it with the task that the data set states
        return Choice(data.component, data.settings.model_copy(update={"task": task}))

    def choose_all(self, interface: type[C], blocks: Sequence[Block], name: str) -> tuple[Choice[C], ...]:
        """The components of a list of blocks, without those that have problems."""
        found = [self.choose(interface, block, (name, index)) for index, block in enumerate(blocks)]
        return tuple(choice for choice in found if choice is not None)

    def stage(self, recipe: Recipe, stage: TrainStage | FitStage, index: int) -> StagePlan:
        """The plan of a stage."""
        if isinstance(stage, FitStage):
            return FitPlan(stage.name, fit=stage.fit, cross_fit=stage.cross_fit)
        return self._train(recipe, stage, ("stages", index, "objective"))

    def _train(self, recipe: Recipe, stage: TrainStage, place: Place) -> TrainPlan:
        """A stage with its losses."""
        objective = [self._with_default(term) for term in stage.objective]
        labels = _labels(objective)
        terms = [self._term(term, labels[at], (*place, at)) for at, term in enumerate(objective)]
        return TrainPlan(
            name=stage.name,
            train=stage.train,
            epochs=stage.epochs,
            terms=tuple(term for term in terms if term is not None),
            optimizer=stage.optimizer or recipe.optimizer,
            batch_size=stage.batch_size or recipe.loader.batch_size,
            cross_fit=stage.cross_fit,
        )

    def check_raw(self) -> None:
        """Check the components of a recipe whose own fields have problems, so that both are reported at once."""
        plain = to_plain(self.root)
        for interface, raw, place in _blocks(plain):
            self._choose(interface, raw, place)
        for raw, place in _terms(plain):
            settings = {key: value for key, value in raw.items() if key not in _TERM_FIELDS}
            self._loss(settings, has_network=raw.get("on") is not None, place=place)

    def _choose(self, interface: type[C], raw: Mapping[str, Any], place: Place) -> Choice[C] | None:
        try:
            return choose(interface, raw, self.catalog)
        except PydanticCustomError as error:
            self._problem((*place, "use"), error.message())
        except ValidationError as error:
            settings = self.catalog.resolve(interface, raw["use"]).Config
            self.problems += problems_of(error, self.root, at=place, model=settings, config_of=self._config_of)
        return None

    def _config_of(self, annotation: Any, value: Any) -> type[Settings] | None:
        """The settings of a component inside another's, for "did you mean"."""
        name = value.get("use") if isinstance(value, Mapping) else value
        if get_origin(annotation) is not Choice or not isinstance(name, str):
            return None
        try:
            return self.catalog.resolve(get_args(annotation)[0], name).Config
        except UnknownComponentError:
            return None

    def _with_default(self, term: Term) -> Term:
        if term.use != AUTO or not self.default_loss:
            return term
        return term.model_copy(update={"use": self.default_loss, "on": term.on or "student"})

    def _term(self, term: Term, label: str, place: Place) -> TermPlan | None:
        raw = {"use": term.use, **term.settings()}
        choice = self._loss(raw, has_network=term.on is not None, place=place)
        if choice is None:
            return None
        return TermPlan(
            label=label,
            choice=choice,
            on=(term.on or "student") if issubclass(choice.component, TaskLoss) else "",
            weight=term.weight,
            output=term.output,
            detach_teacher=term.detach_teacher,
            teaches=term.teaches,
            optimizer=term.optimizer,
        )

    def _loss(self, raw: Mapping[str, Any], *, has_network: bool, place: Place) -> Choice[Any] | None:
        """The loss of a term: a task loss when ``on`` names a network, else either kind."""
        name = raw["use"]
        if name == AUTO:
            if self.default_loss is not None:
                self._problem((*place, "use"), "the task of the data set has no default loss; name one")
            return None
        task, distillation = (self.catalog.has(kind, name) for kind in ("task_loss", "distillation_loss"))
        if not task and not distillation:
            known = [*self.catalog.names("task_loss"), *self.catalog.names("distillation_loss")]
            guess = did_you_mean(name, known, "losses")
            own = "" if "did you mean" in guess else OWN_FILE
            self._problem((*place, "use"), f"unknown loss `{name}`{guess}{own}")
            return None
        if not task and has_network:
            self._problem(
                (*place, "on"), f"`{name}` is a distillation loss, which compares both networks; leave out `on`"
            )
            return None
        if task and (has_network or not distillation):
            return self._choose(TaskLoss, raw, place)
        return self._choose(DistillationLoss, raw, place)

    def _problem(self, place: Place, message: str) -> None:
        self.problems.append(problem_at(self.root, place, message))


def _blocks(plain: Mapping[str, Any]) -> Iterator[tuple[type[Component], Mapping[str, Any], Place]]:
    """Every block in a field that takes a component."""
    for name, interface in SINGLE.items():
        if _is_block(plain.get(name)):
            yield interface, plain[name], (name,)
    for name, interface in LISTS.items():
        for index, block in enumerate(_list(plain.get(name))):
            if _is_block(block):
                yield interface, block, (name, index)


def _terms(plain: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Place]]:
    """Every block in an objective."""
    for at, stage in enumerate(_list(plain.get("stages"))):
        objective = stage.get("objective") if isinstance(stage, Mapping) else None
        for index, term in enumerate(_list(objective)):
            if _is_block(term):
                yield term, ("stages", at, "objective", index)


def _is_block(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("use"), str)


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _labels(terms: Sequence[Term]) -> list[str]:
    """Short unique names of the terms of a stage: ``focal:teacher``, ``class_kl``, ``class_kl#2``."""
    labels: list[str] = []
    for term in terms:
        network = term.on or ("" if term.teaches == "student" else term.teaches)
        label = ":".join(part for part in (term.use, network, "" if term.output == "logits" else term.output) if part)
        twice = sum(other.split("#")[0] == label for other in labels)
        labels.append(f"{label}#{twice + 1}" if twice else label)
    return labels
