"""A study: its folder, where its trials are kept, and its searches. What `xdistill tune` prepares before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xdistill.crossval.prepare import Prepared
from xdistill.data import Cohort, Splits
from xdistill.distributed.fabric import accelerators
from xdistill.errors import UserError
from xdistill.experiment.plans import Experiment
from xdistill.interfaces.executor import Job
from xdistill.recipe.loaded import LoadedRecipe
from xdistill.recipe.schema.tuning import Tune
from xdistill.runs.files import make_folder
from xdistill.tuning.check import searched
from xdistill.tuning.metrics import for_task, is_maximised
from xdistill.tuning.search.inner import FLAT, inner_splits
from xdistill.tuning.search.variants import without_search
from xdistill.tuning.storage.open import open_storage, open_study, reached, storage_url

if TYPE_CHECKING:
    from optuna import Study as OptunaStudy

JOB_FUNCTION = "xdistill.tuning.search.worker:run_trials"


@dataclass(frozen=True)
class Options:
    """Where and how a study is kept and worked at; nothing here changes what is proposed.

    Attributes:
        studies: folder of all studies.
        storage: see `storage_url`.
        name: of the study in the storage; empty: made of the recipe's name and the study's id.
        workers: at each search; None: one, and at a flat search as many as the executor runs at once.
        flat: one search on all data, in place of one for each outer split.
    """

    studies: Path = Path("tune")
    storage: str = "journal"
    name: str = ""
    workers: int | None = None
    flat: bool = False


@dataclass(frozen=True)
class Study:
    """Everything a search needs, checked.

    Attributes:
        base: the recipe without the search.
        experiment: what it assembles to.
        tune: the search.
        cohort: all subjects.
        identity: of recipe, search (except the number of trials), cohort and versions.
        folder: of this study.
        url: where its trials are kept.
        name: in the storage; each search adds its own.
        searches: inner splits by name of the search: an outer split's, or `FLAT`.
        workers: at each search.
        facts: of the driver, for its workers to compare with.
    """

    base: LoadedRecipe
    experiment: Experiment
    tune: Tune
    cohort: Cohort
    identity: str
    folder: Path
    url: str
    name: str
    searches: Mapping[str, Splits]
    workers: int
    facts: Mapping[str, Any]

    @property
    def maximise(self) -> bool:
        """Whether higher values are better."""
        return is_maximised(self.tune.metric, self.experiment)

    @property
    def flat(self) -> bool:
        """Whether it is one search on all subjects."""
        return tuple(self.searches) == (FLAT,)

    def open(self) -> dict[str, OptunaStudy]:
        """Its searches in the storage, made where they are not there.

        Raises:
            UserError: when the storage cannot be reached, or holds searches of these names that something else made.
        """
        make_folder(self.folder)
        storage = open_storage(self.url)
        owner = {"identity": self.identity, "recipe": self.experiment.recipe.name, "metric": self.tune.metric}
        with reached(self.url):
            return {
                search: open_study(
                    storage, f"{self.name}/{search}", {**owner, "search": search}, maximise=self.maximise
                )
                for search in self.searches
            }

    def jobs(self) -> list[Job]:
        """A job for each worker at each search, the first workers of all searches first."""
        compute = self.experiment.recipe.compute
        return [
            Job(
                name=f"{search}-w{worker}",
                payload=self._payload(search),
                cpus=compute.threads * compute.devices,
                gpus=accelerators(compute),
            )
            for worker in range(self.workers)
            for search in self.searches
        ]

    def _payload(self, search: str) -> dict[str, Any]:
        return {
            "search": search,
            "study": f"{self.name}/{search}",
            "storage": self.url,
            "tune": self.tune.model_dump(mode="json"),
            "recipe": self.base.tree(),
            "splits": self.searches[search].to_json(),
            "folder": str((self.folder / "trials" / search).resolve()),
            "cohort": str(self.cohort.path.resolve()),
            "maximise": self.maximise,
            "epochs": self.experiment.epochs * len(self.searches[search]),
            "crowded": self.workers > 1,
            "driver": self.facts,
        }


def make_study(loaded: LoadedRecipe, prepared: Prepared, identity: str, options: Options) -> Study:
    """Split what is learned from once more, and find the study's folder; nothing is written.

    Args:
        loaded: the recipe with its search.
        prepared: the outer splits.
        identity: of the study.
        options: see there.

    Raises:
        DataError: when there are too few subjects for the inner folds.
        UserError: for an unknown storage.
    """
    experiment = prepared.experiment
    tune = for_task(searched(loaded), experiment)
    outer = [None] if options.flat else list(prepared.splits)
    searches = {
        FLAT if split is None else split.name: inner_splits(experiment, prepared.cohort, tune, split) for split in outer
    }
    folder = options.studies / prepared.experiment.recipe.name / identity
    return Study(
        base=without_search(loaded),
        experiment=experiment,
        tune=tune,
        cohort=prepared.cohort,
        identity=identity,
        folder=folder,
        url=storage_url(options.storage, folder),
        name=options.name or f"{experiment.recipe.name}/{identity}",
        searches=searches,
        workers=options.workers or (_at_once(experiment) if options.flat else 1),
        facts=prepared.facts,
    )


def check_options(options: Options) -> None:
    """Refuse what does not go together before anything is done.

    Raises:
        UserError: saying what to change.
    """
    if options.workers is not None and options.workers < 1:
        raise UserError(f"--workers must be at least 1, got {options.workers}")
    storage_url(options.storage, options.studies)


def _at_once(experiment: Experiment) -> int:
    """How many jobs the executor runs at once."""
    compute = experiment.recipe.compute
    many = [Job(f"{index}", {}, cpus=compute.threads * compute.devices) for index in range(1024)]
    return experiment.executor.build().workers(many)
