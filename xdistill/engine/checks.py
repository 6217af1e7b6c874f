"""Whether the parts of an experiment fit each other and the cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xdistill.engine.experiment import StagePlan, modality_of
from xdistill.engine.networks import sketch
from xdistill.engine.objective import build_term
from xdistill.errors import Fault, RecipeError, SettingsError
from xdistill.interfaces.component import Choice
from xdistill.interfaces.dataset import Dataset
from xdistill.interfaces.loss import TrainingFacts
from xdistill.interfaces.network import Network
from xdistill.recipe.loaded import LoadedRecipe
from xdistill.recipe.suggest import did_you_mean
from xdistill.types import OutputSpec

Place = tuple[str | int, ...]


class Checker:
    """Builds everything once, without memory for weights, and collects what does not fit."""

    def __init__(self, loaded: LoadedRecipe, dataset: Dataset, choices: Mapping[str, Choice[Any]]) -> None:
        self.loaded = loaded
        self.choices = dict(choices)
        self.schema = dataset.schema()
        targets = np.array([row.target for row in dataset.index()], dtype=np.int64)
        counts = np.bincount(targets, minlength=len(self.schema.classes))
        self.training = TrainingFacts(self.schema, tuple(int(count) for count in counts))
        self.networks: dict[str, Network] = {}
        self.specs: dict[str, OutputSpec] = {}
        self.faults: list[Fault] = []

    def check(
        self, transforms: Sequence[Choice[Any]], augment: Sequence[Choice[Any]], stages: Sequence[StagePlan]
    ) -> None:
        """Check everything.

        Raises:
            RecipeError: all faults at once.
        """
        last = stages[-1]
        if self.loaded.recipe.crossval.validation and not any(path.startswith("student") for path in last.train):
            self._fault(
                ("crossval", "validation"),
                f"the student chooses the epoch, and the last stage, {last.name!r}, does not train it: set this to 0",
            )
        for index, choice in enumerate(transforms):
            self._check_transform(choice, ("transforms", index))
        for index, choice in enumerate(augment):
            self._build(choice, ("augment", index), modalities=self.schema.modalities)
        for role, choice in self.choices.items():
            self._check_network(role, choice)
        self._check_modalities()
        if len(self.specs) == len(self.choices):
            trained: set[str] = set()
            for index, stage in enumerate(stages):
                self._check_stage(stage, ("stages", index), trained)
        if self.faults:
            raise RecipeError(self.faults)

    def _fault(self, place: Place, message: str) -> None:
        self.faults.append(self.loaded.fault(place, message))

    def _refused(self, place: Place, error: SettingsError) -> None:
        self._fault((*place, *(part for part in error.field.split(".") if part)), str(error))

    def _build(self, choice: Choice[Any], place: Place, **context: Any) -> None:
        try:
            choice.build(**context)
        except SettingsError as error:
            self._refused(place, error)

    def _check_transform(self, choice: Choice[Any], place: Place) -> None:
        modality = modality_of(choice)
        if modality not in self.schema.modalities:
            self._fault((*place, "modality"), _unknown("modality", modality, self.schema.modalities))
            return
        self._build(choice, place, spec=self.schema.modalities[modality])

    def _check_network(self, role: str, choice: Choice[Any]) -> None:
        try:
            self.networks[role], self.specs[role] = sketch(choice, self.schema)
        except SettingsError as error:
            self._refused((role,), error)
            return
        for modality in self.networks[role].inputs:
            if modality not in self.schema.modalities:
                self._fault((role,), _unknown("modality", modality, self.schema.modalities))

    def _check_modalities(self) -> None:
        student = self.networks.get("student")
        if student is None:
            return
        for modality in self.loaded.recipe.privileged or ():
            if modality not in self.schema.modalities:
                self._fault(("privileged",), _unknown("modality", modality, self.schema.modalities))
            elif modality in student.inputs:
                self._fault(("student",), f"the student reads {modality!r}, which the recipe says is privileged")
        if "teacher" in self.networks:
            more = [name for name in student.inputs if name not in self.networks["teacher"].inputs]
            if more:
                self._fault(
                    ("student",),
                    f"the student reads {more[0]!r}, which the teacher does not: a teacher has to see at least what "
                    f"its student sees; give it to the teacher, or take it from the student",
                )

    def _check_stage(self, stage: StagePlan, place: Place, trained: set[str]) -> None:
        trains = {path.split(".")[0] for path in stage.train}
        for path in stage.train:
            self._check_train(path, place)
        for index, term in enumerate(stage.terms):
            self._check_term(term, (*place, "objective", index), known=trained | trains)
        reached = {role for term in stage.terms if term.weight > 0 for role in _taught(term)}
        for role in sorted(trains & self.choices.keys() - reached):
            self._fault((*place, "train"), f"nothing in the objective teaches the {role}; add a loss on it")
        trained |= trains

    def _check_train(self, path: str, place: Place) -> None:
        role, _, part = path.partition(".")
        if role not in {"teacher", "student"}:
            self._fault((*place, "train"), f"{path!r} is neither `teacher` nor `student` nor a part of one")
        elif role not in self.networks:
            self._fault((*place, "train"), f"{path!r} is to be trained, and the recipe has no {role}")
        elif part and part not in dict(self.networks[role].named_modules()):
            parts = [name for name in dict(self.networks[role].named_modules()) if name]
            self._fault((*place, "train"), _unknown(f"part of the {role}", part, parts[:200]))
        elif not list(self.networks[role].get_submodule(part).parameters()):
            self._fault((*place, "train"), f"{path!r} has nothing to learn: it holds no parameters")

    def _check_term(self, term: Any, place: Place, *, known: set[str]) -> None:
        for role in term.roles:
            if role not in self.specs:
                self._fault(place, f"{term.choice.use!r} needs a {role}, and the recipe has none")
                return
            if role not in known:
                self._fault(place, f"{term.choice.use!r} uses the {role}, which no stage has trained by then")
                return
        if term.on and term.output != "logits" and term.output not in self.specs[term.on].aux:
            self._fault((*place, "output"), _unknown("output", term.output, ("logits", *self.specs[term.on].aux)))
            return
        taps = getattr(term.choice.settings, "taps", None) or ()
        missing = [(tap, role) for tap in taps for role in term.roles if tap not in self.specs[role].features]
        for tap, role in missing:
            self._fault((*place, "taps"), _unknown(f"tap of the {role}", tap, self.specs[role].features))
        if missing:
            return
        try:
            build_term(term, self.specs, self.training)
        except SettingsError as error:
            self._refused(place, error)


def _taught(term: Any) -> tuple[str, ...]:
    if term.on:
        return (term.on,)
    return ("student",) if term.detach_teacher else ("teacher", "student")


def _unknown(what: str, name: str, known: Any) -> str:
    names = [str(item) for item in known]
    return f"there is no {what} {name!r}{did_you_mean(name, names) or '; there are none'}"
