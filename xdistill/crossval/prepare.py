"""Prepares a run: cohort, splits, identity, folder. Nothing is written but the cohort file."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xdistill.crossval.background import with_progress
from xdistill.crossval.events import CohortProgress, CohortReady, CohortRemark, Event
from xdistill.crossval.external import check_external
from xdistill.crossval.worker_checks import driver_facts
from xdistill.data import Cohort, Splits, build_cohort, default_cache_dir, make_splits, open_cohort
from xdistill.distributed.fabric import accelerator_name, check_device
from xdistill.experiment.assemble import assemble
from xdistill.experiment.checks import check_batch_sizes
from xdistill.experiment.controls import without_control
from xdistill.experiment.cross_fitting import check_inner_folds
from xdistill.experiment.identity import identity_of, versions
from xdistill.experiment.missing import check_presence, complete_subjects, training_subjects
from xdistill.experiment.plans import Experiment
from xdistill.experiment.unlabelled import labelled_subjects
from xdistill.interfaces.component import Choice, Component
from xdistill.interfaces.dataset import Dataset
from xdistill.plugin import Catalog
from xdistill.recipe.loaded import LoadedRecipe
from xdistill.recipe.private import without_places
from xdistill.runs import RunFolder, fold_name, run_name


@dataclass(frozen=True)
class Prepared:
    """A run that is ready to start or to resume."""

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
    external: Cohort | None = None  # the external test cohort
    place: Path | None = None  # folder of the recipe's file

    @property
    def public(self) -> dict[str, Any]:
        """The resolved recipe as the record, the report and trackers show it: without folders of this machine."""
        shown: dict[str, Any] = without_places(self.resolved, self.place)
        return shown

    @property
    def folds(self) -> tuple[str, ...]:
        """Names of all folds."""
        return tuple(fold_name(split.repeat, split.fold) for split in self.splits)


def prepare(
    loaded: LoadedRecipe,
    experiment: Experiment,
    catalog: Catalog,
    cohort: Cohort,
    runs: Path,
    *,
    tune: Mapping[str, Any] | None = None,
    also: frozenset[type[Component]] = frozenset(),
    within: Sequence[str] | None = None,
    external: Cohort | None = None,
) -> Prepared:
    """Split the cohort and find the run's folder; nothing is written.

    Args:
        loaded: the recipe.
        experiment: what it assembles to.
        catalog: what it was assembled from.
        cohort: the cohort.
        runs: folder of all runs.
        tune: the search whose settings the folds are trained with; part of the run's identity. None: no search.
        also: components that this search may choose.
        within: the subjects that are split, in the order of the cohort; all others are neither trained on nor tested.
            None: all subjects.
        external: the external test cohort of the recipe, if it has one; see `ready_external`.

    Raises:
        DataError: if a cohort cannot be used by this recipe.
        LeakError: if a subject or patient of the external cohort is in the cohort.
    """
    recipe = experiment.recipe
    check_external(experiment, cohort, external)
    check_presence(experiment, cohort)
    splits = splits_of(experiment, cohort, within)
    for split in splits:
        training_subjects(experiment, cohort, split.train)  # raises here what a fold would raise later
        labelled_subjects(experiment, cohort, split)
        check_inner_folds(experiment, cohort, split)
    resolved = resolved_recipe(experiment)
    if tune is not None:
        resolved["tune"] = dict(tune)
    used = experiment.components | also
    print_of_external = "" if external is None else external.fingerprint
    identity = identity_of(experiment, resolved, catalog, cohort, splits, also=also, external=print_of_external)
    control_of = ""
    if recipe.control is not None:
        original = assemble(without_control(loaded), catalog)
        plain = original.resolved() | {"compute": resolved["compute"]}
        control_of = identity_of(original, plain, catalog, cohort, splits, external=print_of_external)
    return Prepared(
        experiment=experiment,
        cohort=cohort,
        splits=splits,
        folder=RunFolder(runs / run_name(resolved) / identity),
        resolved=resolved,
        identity=identity,
        versions=versions(used, catalog),
        facts=driver_facts(used, catalog),
        profile=loaded.profile or "",
        control_of=control_of,
        also=also,
        external=external,
        place=loaded.files[0].parent if loaded.files else None,
    )


def resolved_recipe(experiment: Experiment) -> dict[str, Any]:
    """The resolved recipe of an experiment, with the accelerator that this machine has."""
    resolved = experiment.resolved()
    resolved["compute"]["accelerator"] = accelerator_name(experiment.recipe.compute.accelerator)
    return resolved


def splits_of(experiment: Experiment, cohort: Cohort, within: Sequence[str] | None = None) -> Splits:
    """The splits of a recipe.

    Args:
        experiment: what to run.
        cohort: its cohort.
        within: the subjects that are split; None: all.

    Raises:
        DataError: if the cohort cannot be split so.
        LeakError: if a given split puts a patient into two parts.
    """
    crossval = experiment.recipe.crossval
    subjects = cohort.subjects if within is None else tuple(within)
    rows = cohort.rows_of(subjects)
    return make_splits(
        subjects,
        [cohort.patients[row] for row in rows],
        cohort.targets[rows],
        cohort.schema.task,
        crossval,
        cohort.fingerprint,
        experiment.data.build().official_test() if crossval.official else None,
        complete=complete_subjects(cohort, tuple(cohort.schema.modalities))[rows],
        labelled=cohort.labelled[rows],
        columns={name: [texts[row] for row in rows] for name, texts in cohort.kept.items()},
    )


def check_executor(experiment: Experiment) -> None:
    """Check that the jobs can run where the recipe says, before anything is built.

    Raises:
        UserError: if they cannot.
    """
    executor = experiment.executor.build()
    if not executor.elsewhere:
        check_device(experiment.recipe.compute)
    check_batch_sizes(experiment)
    executor.check()


def ready_cohort(experiment: Experiment, cache: Path | None) -> Generator[Event, None, Cohort]:
    """Build the cohort file, or find the existing one."""
    cohort = yield from _built(experiment.data, experiment, cache)
    yield CohortReady(str(cohort.path), len(cohort.subjects))
    return cohort


def ready_external(experiment: Experiment, cache: Path | None) -> Generator[Event, None, Cohort | None]:
    """The same for the external test cohort; None if the recipe has none."""
    if experiment.test is None:
        return None
    return (yield from _built(experiment.test, experiment, cache))


def _built(data: Choice[Dataset], experiment: Experiment, cache: Path | None) -> Generator[Event, None, Cohort]:
    def build(report: Any) -> Path:
        return build_cohort(data, experiment.recipe.cache, directory=cache or default_cache_dir(), on_progress=report)

    path = yield from with_progress(build, CohortProgress)
    cohort = open_cohort(path)
    for text in cohort.facts.remarks:
        yield CohortRemark(text)
    return cohort
