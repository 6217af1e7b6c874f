"""Whether the parts of an experiment are compatible with each other and with the cohort."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from xdistill.data.folds.given import given_folds, unknown_column
from xdistill.data.index import check_index
from xdistill.errors import DataError, Problem, RecipeError, RunError, SettingsError
from xdistill.experiment.external.alignment import misfits
from xdistill.experiment.external.cohort import check_apart
from xdistill.experiment.missing import leaves_out_unlabelled
from xdistill.experiment.networks import probe
from xdistill.experiment.plans import Experiment, modality_of
from xdistill.experiment.stages.checker import StageChecker
from xdistill.experiment.stages.plans import StagePlan, TrainPlan, distils
from xdistill.experiment.stages.progress import Progress, unknown
from xdistill.experiment.unlabelled import nothing_teaches
from xdistill.interfaces.component import Choice
from xdistill.interfaces.dataset import Dataset
from xdistill.interfaces.loss import TrainingFacts
from xdistill.interfaces.network import Network
from xdistill.recipe.loaded import LoadedRecipe
from xdistill.types import MIN_SUBJECTS, OutputSpec, Schema

Place = tuple[str | int, ...]
Probe = Callable[[Choice[Any], Schema], tuple[Network, OutputSpec]]


class Checker:
    """Builds everything once, without memory for weights, and collects the problems."""

    def __init__(
        self, loaded: LoadedRecipe, dataset: Dataset, choices: Mapping[str, Choice[Any]], probe: Probe = probe
    ) -> None:
        self.loaded = loaded
        self.probe = probe
        self.choices = dict(choices)
        self.schema = dataset.schema()
        self.official_test = dataset.official_test()
        self.kept = dataset.kept_columns()
        self.rows = dataset.index()
        check_index(self.rows, self.schema)
        targets = [row.target for row in self.rows if row.target is not None]
        self.training = TrainingFacts.of(self.schema, self.schema.task.as_targets(targets))
        self.unlabelled = 0 if leaves_out_unlabelled(loaded.recipe) else len(self.rows) - len(targets)
        self.networks: dict[str, Network] = {}
        self.specs: dict[str, OutputSpec] = {}
        self.problems: list[Problem] = []

    def check(
        self, transforms: Sequence[Choice[Any]], augment: Sequence[Choice[Any]], stages: Sequence[StagePlan]
    ) -> None:
        """Check everything.

        Raises:
            RecipeError: all problems at once.
        """
        for index, choice in enumerate(transforms):
            self._check_transform(choice, ("transforms", index))
        for index, choice in enumerate(augment):
            self._build(choice, ("augment", index), modalities=self.schema.modalities)
        for role, choice in self.choices.items():
            self._check_network(role, choice)
        self._check_modalities()
        if self.loaded.recipe.crossval.official and self.official_test is None:
            self._problem(
                ("crossval", "official"), "the data set has no official split; set `crossval.official: false`"
            )
        column = self.loaded.recipe.crossval.read_column
        if column and column not in self.kept:
            self._problem(("crossval", "by"), unknown_column(column, self.kept))
        if len(self.specs) == len(self.choices):
            progress = Progress(self.loaded, self.networks, self.specs, self.training, unlabelled=self.unlabelled)
            self.problems += StageChecker(progress).check(stages)
            if self.unlabelled and not any(map(distils, stages)):
                self._problem(("data",), nothing_teaches(self.unlabelled, len(self.rows), self.schema.task))
        if self.problems:
            raise RecipeError(self.problems)

    def check_external(self, dataset: Dataset) -> None:
        """Check that an external test cohort fits, once `check` found no problem.

        Raises:
            RecipeError: if the student cannot read it.
            DataError: if its source cannot be used.
            LeakError: for subjects or patients that are in the training cohort as well.
        """
        try:
            rows = dataset.index()
        except DataError as error:  # data sets know their settings as those of `data`
            raise DataError(str(error).replace("`data.", "`test.")) from error
        for message in misfits(self.schema, dataset.schema(), self.networks["student"].inputs):
            self._problem(("test",), f"the test cohort does not fit: {message}")
        without = sum(row.target is None for row in rows)
        if without:
            self._problem(
                ("test",),
                f"{without} of {len(rows)} subjects of the test cohort have no label, so they cannot be scored; "
                f"leave them out, which `manifest` does with `test.without_label: leave_out`",
            )
        if self.problems:
            raise RecipeError(self.problems)
        ours, theirs = (([row.subject for row in one], [row.patient for row in one]) for one in (self.rows, rows))
        check_apart(ours, theirs)

    def _problem(self, place: Place, message: str) -> None:
        self.problems.append(self.loaded.problem(place, message))

    def _refused(self, place: Place, error: SettingsError) -> None:
        self._problem((*place, *(part for part in error.field.split(".") if part)), str(error))

    def _build(self, choice: Choice[Any], place: Place, **context: Any) -> None:
        try:
            choice.build(**context)
        except SettingsError as error:
            self._refused(place, error)

    def _check_transform(self, choice: Choice[Any], place: Place) -> None:
        modality = modality_of(choice)
        if modality not in self.schema.modalities:
            self._problem((*place, "modality"), unknown("the data set", "modality", modality, self.schema.modalities))
            return
        self._build(choice, place, spec=self.schema.modalities[modality])

    def _check_network(self, role: str, choice: Choice[Any]) -> None:
        try:
            self.networks[role], self.specs[role] = self.probe(choice, self.schema)
        except SettingsError as error:
            self._refused((role,), error)
            return
        for modality in self.networks[role].inputs:
            if modality not in self.schema.modalities:
                self._problem((role,), unknown("the data set", "modality", modality, self.schema.modalities))

    def _check_modalities(self) -> None:
        student = self.networks.get("student")
        if student is None:
            return
        for modality in self.loaded.recipe.privileged or ():
            if modality not in self.schema.modalities:
                self._problem(("privileged",), unknown("the data set", "modality", modality, self.schema.modalities))
            elif modality in student.inputs:
                self._problem(("student",), f"the student reads `{modality}`, which is listed in `privileged`")
        if "teacher" in self.networks:
            self._check_teacher(set(self.networks["teacher"].inputs), student.inputs)

    def _check_teacher(self, teacher: set[str], student: Sequence[str]) -> None:
        """A teacher may read anything; if it reads less than its student, the two were probably swapped."""
        more = [name for name in student if name not in teacher]
        if more and teacher < set(student):
            self._problem(
                ("student",),
                f"the teacher reads only modalities that the student reads as well, and not `{more[0]}`; give it a "
                f"modality that the student lacks, or remove `{more[0]}` from the student",
            )
        for modality in self.loaded.recipe.privileged or ():
            if modality in self.schema.modalities and modality not in teacher:
                self._problem(
                    ("privileged",),
                    f"`{modality}` is privileged, but unused by the teacher; add it to the teacher's inputs or "
                    f"remove it from `privileged`",
                )


def check_given_splits(experiment: Experiment) -> None:
    """Whether the splits that `crossval.by` gives can be made, before the cohort is built.

    Raises:
        DataError: if a column, a file or a value does not fit.
        LeakError: if a patient is in two parts of a split.
    """
    crossval = experiment.recipe.crossval
    if crossval.by is not None:
        dataset = experiment.data.build()
        rows = dataset.index()
        given_folds(
            [row.subject for row in rows],
            [row.patient for row in rows],
            dataset.kept_columns(),
            crossval,
            [row.target is not None for row in rows],
        )


def check_batch_sizes(experiment: Experiment) -> None:
    """Whether the batches of every stage are large enough for all devices.

    Raises:
        RunError: if they are not.
    """
    devices = experiment.recipe.compute.devices
    for stage in experiment.schedule:
        if isinstance(stage, TrainPlan) and devices > 1 and stage.batch_size < MIN_SUBJECTS * devices:
            raise RunError(
                f"--devices {devices}: stage {stage.name!r} has batches of {stage.batch_size} subjects, and each "
                f"device needs at least {MIN_SUBJECTS} for batch statistics; use fewer devices, or --set "
                f"loader.batch_size={MIN_SUBJECTS * devices}"
            )
