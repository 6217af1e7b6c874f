"""A worker of a search: proposes settings, trains with them fold by fold, tells the storage. Runs as a job."""

from __future__ import annotations

import fcntl
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna import Study, Trial
from optuna.trial import TrialState

from xdistill.crossval.callbacks import WATCHED
from xdistill.crossval.events import EpochEnded, Event
from xdistill.crossval.fold import run_fold
from xdistill.crossval.worker_checks import checked_catalog
from xdistill.data import Splits, open_cohort
from xdistill.errors import NonFiniteLossError, OutOfMemoryError, RecipeError, SettingsError
from xdistill.experiment.assemble import assemble
from xdistill.experiment.plans import Experiment
from xdistill.plugin import load_catalog
from xdistill.recipe.load import as_loaded
from xdistill.recipe.loaded import LoadedRecipe
from xdistill.recipe.schema.tuning import Tune
from xdistill.runs import RunFolder, fold_name
from xdistill.runs.files import make_folder, write_json
from xdistill.stats import read_predictions
from xdistill.tuning.events import TrialFinished, TrialFoldFinished, TrialStarted
from xdistill.tuning.search.sampling import pruner_for, quiet, sampler_for
from xdistill.tuning.search.space import suggest, values_of
from xdistill.tuning.search.variants import with_values
from xdistill.tuning.storage.open import open_storage, reached
from xdistill.tuning.storage.trials import (
    best_of,
    end_trial,
    heartbeat,
    mark_failed,
    register_worker,
    trials_by_state,
)

POLL = 1.0  # seconds between two looks at trials that others work at
TRIAL_ERRORS = (NonFiniteLossError, OutOfMemoryError, RecipeError, SettingsError)  # errors caused by the settings


@dataclass(frozen=True)
class Task:
    """What a worker works at.

    Attributes:
        search: name of the search, such as ``r0-f3``.
        tune: what is searched, and how.
        base: the recipe that the settings are merged into.
        splits: inner splits.
        folder: of the trials of this search, which are gone when they are over.
        cohort: the cohort file.
        maximise: whether higher values are better.
        epochs: of a whole trial with the recipe's own settings.
        crowded: whether other workers are at the search too.
        storage: path or URL of where the trials are kept.
    """

    search: str
    tune: Tune
    base: LoadedRecipe
    splits: Splits
    folder: Path
    cohort: str
    maximise: bool
    epochs: int
    crowded: bool
    storage: str

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> Task:
        """The task of a job."""
        return cls(
            search=payload["search"],
            tune=Tune.model_validate(payload["tune"]),
            base=as_loaded(payload["recipe"]),
            splits=Splits.from_json(payload["splits"]),
            folder=Path(payload["folder"]),
            cohort=payload["cohort"],
            maximise=payload["maximise"],
            epochs=payload["epochs"],
            crowded=payload["crowded"],
            storage=payload["storage"],
        )


def run_trials(payload: Mapping[str, Any]) -> Iterator[Event]:
    """Run trials until the search has its number of trials.

    Args:
        payload: the fields of `Task` as plain data (``recipe`` for the base), ``study``, and ``driver`` (what
            `driver_facts` says there).

    Raises:
        XdistillError: errors that the settings of the trial do not cause.
    """
    checked_catalog(payload["driver"])
    task = Task.of(payload)
    with quiet():
        with reached(task.storage):
            study = optuna.load_study(study_name=payload["study"], storage=open_storage(task.storage))
        study.pruner = pruner_for(task.tune, task.epochs)
        while True:
            with reached(task.storage):
                trial = _next_trial(study, task)
            if trial is None:
                return
            yield TrialStarted(task.search, trial.number)
            yield from _try(study, task, trial)


def _next_trial(study: Study, task: Task) -> Trial | None:
    """A trial with its settings proposed; None when no more are wanted."""
    while True:
        with _asking(task.folder):
            found = trials_by_state(study)
            mark_failed(study, found.dead)
            for dead in found.dead:
                shutil.rmtree(task.folder / f"{dead.number}", ignore_errors=True)
            if len(found.taken) < task.tune.trials:
                sampler = sampler_for(task.tune, found.taken, search=task.search, crowded=task.crowded)
                if sampler is not None:
                    study.sampler = sampler
                    trial = study.ask()
                    register_worker(trial)
                    suggest(trial, task.tune.space)
                    return trial
        if not found.alive:
            return None
        time.sleep(POLL)  # a worker of the last trials may die, and its trials are then repeated


@contextmanager
def _asking(folder: Path) -> Iterator[None]:
    """One worker at a time counts trials and begins another, as far as they share a file system."""
    make_folder(folder)
    with (folder / ".ask.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _try(study: Study, task: Task, trial: Trial) -> Iterator[Event]:
    """Train with the settings of a trial and tell what came of it."""
    folder = RunFolder(task.folder / f"{trial.number}")
    scores: list[float] = []
    state, reason = TrialState.COMPLETE, ""
    try:
        with heartbeat(trial):
            yield from _folds(task, trial, folder, scores)
            if len(scores) < len(task.splits):
                state = TrialState.PRUNED
    except TRIAL_ERRORS as error:
        state, reason = TrialState.PRUNED, _reason(error)
    except (Exception, KeyboardInterrupt):
        with suppress(Exception):  # report the first error
            study.tell(trial, state=TrialState.FAIL)  # this process may live on, and the trial would count as running
        raise
    finally:
        shutil.rmtree(folder.path, ignore_errors=True)
    value = sum(scores) / len(scores) if state == TrialState.COMPLETE else None
    with reached(task.storage):
        end_trial(study, trial, value=value, scores=scores, reason=reason)
        counted = trials_by_state(study).counted
    best = best_of(counted, maximise=task.maximise)
    yield TrialFinished(
        search=task.search,
        number=trial.number,
        state="failed" if reason else state.name.lower(),
        value=value,
        best=None if best is None else best.value,
        done=len(counted),
        reason=reason,
    )


def _folds(task: Task, trial: Trial, folder: RunFolder, scores: list[float]) -> Iterator[Event]:
    """Train and score the inner folds into ``scores``, until the pruner has seen enough."""
    loaded = with_values(task.base, values_of(trial.params, task.tune.space), source=f"trial {trial.number}")
    experiment = assemble(loaded, load_catalog())
    make_folder(folder.path)
    write_json(folder.splits, task.splits.to_json())
    watch = _Watch(task, trial, experiment)
    for index, split in enumerate(task.splits):
        payload = {
            "recipe": loaded.tree(),
            "run": str(folder.path),
            "cohort": task.cohort,
            "identity": f"{task.search}/{trial.number}",
            "repeat": split.repeat,
            "fold": split.fold,
            "watch": task.tune.metric if watch.by_epoch else None,
        }
        with closing(run_fold(payload)) as events:  # type: ignore[type-var]
            for event in events:
                if isinstance(event, EpochEnded) and watch.gives_up_in_epoch(event, index, scores):
                    return
        scores.append(_score(folder, fold_name(split.repeat, split.fold), task, experiment))
        yield TrialFoldFinished(task.search, trial.number, len(scores), len(task.splits))
        if watch.gives_up_after_fold(scores) and len(scores) < len(task.splits):
            return


class _Watch:
    """Tells the pruner how a trial does, and asks it.

    By epoch, a step is an epoch of the trial, all its folds counted on; a trial whose settings make it longer or
    shorter counts in shares, so that the same step means the same progress. Its value is the mean of the folds that
    are scored and of the one at work.
    """

    def __init__(self, task: Task, trial: Trial, experiment: Experiment) -> None:
        self.trial = trial
        self.storage = task.storage
        self.kind = task.tune.pruner.use
        self.per_fold = task.epochs // len(task.splits)
        self.share = self.per_fold / experiment.epochs
        self.step = 0

    @property
    def by_epoch(self) -> bool:
        return self.kind in {"median", "hyperband"}

    def gives_up_in_epoch(self, event: EpochEnded, fold: int, scores: list[float]) -> bool:
        """Whether the trial is pruned in the middle of a fold."""
        step = fold * self.per_fold + round(event.done * self.share)
        if WATCHED not in event.losses or step <= self.step:
            return False
        self.step = step
        now = [*scores, event.losses[WATCHED]]
        return self._is_pruned(sum(now) / len(now), step)

    def gives_up_after_fold(self, scores: list[float]) -> bool:
        """Whether the trial is pruned between two folds."""
        if self.by_epoch:
            return False
        value = scores[-1] if self.kind == "wilcoxon" else sum(scores) / len(scores)
        return self._is_pruned(value, len(scores))

    def _is_pruned(self, value: float, step: int) -> bool:
        with reached(self.storage):
            self.trial.report(value, step)
            return self.trial.should_prune()


def _score(folder: RunFolder, name: str, task: Task, experiment: Experiment) -> float:
    """The student's score on the test part of an inner fold."""
    with closing(open_cohort(Path(task.cohort))) as cohort:
        predictions = read_predictions(folder.fold(name) / "predictions.csv", cohort.schema.task)
    (fold,) = predictions.of("student")
    return experiment.metric(task.tune.metric)(fold.target, fold.probabilities, predictions.task.names)


def _reason(error: Exception) -> str:
    """Why settings came to nothing, without the subjects whom a message may name."""
    if isinstance(error, NonFiniteLossError):
        return "a loss or a prediction became NaN or infinite"
    if isinstance(error, OutOfMemoryError):
        return "memory ran out"
    if isinstance(error, RecipeError):
        return "; ".join(f"{problem.path}: {problem.message}" for problem in error.problems)
    return str(error)
