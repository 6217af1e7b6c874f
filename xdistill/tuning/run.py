"""A whole search: outer splits, a study for each, refit with the best settings, outer test. Yields events."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xdistill.crossval.events import Event, FoldRestarted
from xdistill.crossval.execute import run_prepared
from xdistill.crossval.prepare import Prepared, check_executor, prepare, ready_cohort, ready_external
from xdistill.errors import RunError
from xdistill.experiment.assemble import assemble
from xdistill.experiment.identity import identity_of
from xdistill.plugin import Catalog
from xdistill.recipe.loaded import LoadedRecipe
from xdistill.runs import Run, load_run, read_record
from xdistill.runs.checksums import CHECKSUMS, write_checksums
from xdistill.runs.files import make_folder
from xdistill.runs.integrity import seal_run
from xdistill.runs.temporary import sweep
from xdistill.tuning.check import check_search, searched
from xdistill.tuning.events import SearchFinished, SearchStarted, StudyFinished
from xdistill.tuning.metrics import for_task
from xdistill.tuning.outcome import Winner, agreed, optimism, winner_of
from xdistill.tuning.report import write_study_report
from xdistill.tuning.report.trials import search_rows
from xdistill.tuning.search.inner import FLAT
from xdistill.tuning.search.sampling import quiet
from xdistill.tuning.search.space import values_of
from xdistill.tuning.search.variants import with_values, without_search
from xdistill.tuning.storage.open import reached, shown_url
from xdistill.tuning.storage.trials import best_of, trials_by_state
from xdistill.tuning.study import JOB_FUNCTION, Options, Study, check_options, make_study
from xdistill.tuning.study_file import FILE, study_summary, write_study_file
from xdistill.tuning.tuned import write_tuned
from xdistill.tuning.wording import flat_remarks, nested_remarks

if TYPE_CHECKING:
    from optuna import Study as OptunaStudy

FOREVER = float("inf")  # another process that refits the same study may take as long as it takes
TUNED = "tuned.yaml"


def tune(
    loaded: LoadedRecipe, catalog: Catalog, *, runs: Path, cache: Path | None = None, options: Options | None = None
) -> Generator[Event, None, None]:
    """Start, resume or take part in a search.

    Args:
        loaded: the recipe, with what to search.
        catalog: what it may name.
        runs: folder of all runs.
        cache: folder of the cohort caches; None: the user's cache folder.
        options: where the study is kept and how it is worked at.

    Yields:
        Events; the last is `StudyFinished`.

    Raises:
        XdistillError: every finished trial is kept.
    """
    options = options or Options()
    check_options(options)
    searched(loaded)
    experiment = assemble(without_search(loaded), catalog)
    check_executor(experiment)
    with quiet():
        choices = check_search(loaded, experiment, catalog)
    cohort = yield from ready_cohort(experiment, cache)
    external = yield from ready_external(experiment, cache)
    plain = for_task(searched(loaded), experiment).model_dump(mode="json")
    prepared = prepare(
        without_search(loaded), experiment, catalog, cohort, runs, tune=plain, also=choices, external=external
    )
    study = make_study(loaded, prepared, _identity(prepared, plain, catalog, flat=options.flat), options)
    sweep(study.folder)
    with quiet():
        opened = study.open()
    yield from _search(study, opened)
    with quiet(), reached(study.url):
        winners = {
            search: winner_of(search, opened[search], study.tune.space, study.tune.trials, maximise=study.maximise)
            for search in study.searches
        }
    make_folder(study.folder)
    (study.folder / CHECKSUMS).unlink(missing_ok=True)  # of files that are written again
    if study.flat:
        ended = _close_flat(study, winners[FLAT])
    else:
        ended = yield from _close_nested(study, _refitted(prepared, study, winners, catalog), winners)
    with quiet(), reached(study.url):
        rows = [search_rows(name, opened[name], study.tune.space, study.tune.trials) for name in study.searches]
    write_study_report(study.folder, ended.record, rows, study.tune.space)
    write_checksums(study.folder, [FILE, TUNED])
    sweep(study.folder)
    yield StudyFinished(str(study.folder), ended.run)


def _identity(prepared: Prepared, plain: Mapping[str, Any], catalog: Catalog, *, flat: bool) -> str:
    """The id of a study: all that decides its trials, but not how many they are, so that a search can be prolonged."""
    search = {name: value for name, value in plain.items() if name != "trials"}
    resolved = {**prepared.resolved, "tune": {**search, "flat": flat}}
    return identity_of(prepared.experiment, resolved, catalog, prepared.cohort, prepared.splits, also=prepared.also)


def _search(study: Study, opened: Mapping[str, OptunaStudy]) -> Generator[Event, None, None]:
    """Make the trials that are missing."""
    with quiet(), reached(study.url):
        counts = {search: len(trials_by_state(one).counted) for search, one in opened.items()}
    yield SearchStarted(
        path=str(study.folder),
        storage=shown_url(study.url),
        searches={search: min(count, study.tune.trials) for search, count in counts.items()},
        trials=study.tune.trials,
        folds=study.tune.folds,
        workers=study.workers,
        flat=study.flat,
    )
    jobs = [job for job in study.jobs() if counts[job.payload["search"]] < study.tune.trials]
    executor = study.experiment.executor.build()
    with closing(executor.run(JOB_FUNCTION, jobs)) as events:  # type: ignore[type-var]
        for event in events:
            if event.kind == "failed":
                raise event.value
            if event.kind == "restarted":
                yield FoldRestarted(event.job, str(event.value))
            elif event.kind == "event":
                yield event.value
    for search, one in opened.items():
        with quiet(), reached(study.url):
            best = best_of(trials_by_state(one).counted, maximise=study.maximise)
        if best is not None and best.value is not None:
            yield SearchFinished(search, best.value)


def _refitted(prepared: Prepared, study: Study, winners: Mapping[str, Winner], catalog: Catalog) -> Prepared:
    """The run whose folds are trained with the settings that their searches chose."""
    recipes = {}
    for name, winner in winners.items():
        resolved = assemble(with_values(study.base, winner.values), catalog).resolved()
        resolved["compute"] = prepared.resolved["compute"]
        recipes[name] = resolved
    notes = {
        "tuned": {
            "study": study.identity,
            "metric": study.tune.metric,
            "maximise": study.maximise,
            "workers": study.workers,
            "folds": {
                name: {
                    "trial": winner.number,
                    "settings": dict(winner.values),
                    "inner": winner.score,
                    "trials": dict(winner.states),
                }
                for name, winner in winners.items()
            },
        }
    }
    return replace(prepared, recipes=recipes, notes=notes)


@dataclass(frozen=True)
class _Ended:
    """What ``study.json`` holds, and the folder of the tuned run, where there is one."""

    record: Mapping[str, Any]
    run: str = ""


def _close_nested(study: Study, prepared: Prepared, winners: Mapping[str, Winner]) -> Generator[Event, None, _Ended]:
    """Refit, test, and write the study's file."""
    yield from run_prepared(prepared, fresh=partial(_chose_otherwise, prepared), patience=FOREVER)
    run = _with_optimism(prepared, winners)
    settings = agreed(tuple(winners.values()), study.tune.space)
    write_tuned(
        study.folder / TUNED,
        study.base,
        values_of(settings, study.tune.space),
        name=f"{study.experiment.recipe.name}-tuned-agreed",
        remarks=nested_remarks(study, run),
    )
    return _Ended(
        write_study_file(study.folder, study_summary(study, winners, settings, run)), str(prepared.folder.path)
    )


def _close_flat(study: Study, winner: Winner) -> _Ended:
    write_tuned(
        study.folder / TUNED,
        study.base,
        winner.values,
        name=f"{study.experiment.recipe.name}-tuned-flat",
        remarks=flat_remarks(study, winner),
    )
    return _Ended(write_study_file(study.folder, study_summary(study, {FLAT: winner}, winner.params, None)))


def _chose_otherwise(prepared: Prepared) -> bool:
    """Whether there are folds of other settings, as after a study was deleted and created again."""
    record = prepared.folder.record
    if not record.is_file():
        return False
    try:
        before = (read_record(record).get("tuned") or {}).get("folds", {})
    except RunError:  # damaged: what the folds were trained with is not known
        return True
    now: dict[str, Any] = prepared.notes["tuned"]["folds"]
    return any(before.get(name, {}).get("settings") != fold["settings"] for name, fold in now.items())


def _with_optimism(prepared: Prepared, winners: Mapping[str, Winner]) -> Run:
    """The finished run, in whose record stands how much better the searches thought their settings to be."""
    extra = {choice.use: choice.build() for choice in prepared.experiment.metrics}
    run = load_run(prepared.folder.path, extra)
    tuned = dict(run.record["tuned"])
    outer = run.metrics["student"][tuned["metric"]]
    inner = [winners[name].score for name in prepared.folds]
    for name, score in zip(prepared.folds, outer.folds, strict=True):
        tuned["folds"][name]["outer"] = score
    tuned["inner"] = sum(inner) / len(inner)
    tuned["outer"] = outer.mean
    tuned["optimism"] = optimism(inner, outer.folds, maximise=tuned["maximise"])
    if tuned != run.record["tuned"] or "optimism" not in run.record["tuned"]:
        seal_run(run.folder, {**run.record, "tuned": tuned}, prepared.folds)
    return load_run(prepared.folder.path, extra)
