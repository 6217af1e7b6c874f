"""Whole entries as jobs, so that many run at the same time: on a cluster, the folds of one entry are too few.

An entry's folds run one after the other then, on the machine where the entry runs.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xdistill.bench.entry import EntryFailed, EntryFinished, EntryStarted, is_tuned, run_entry
from xdistill.bench.load import Benchmark, load_benchmark
from xdistill.bench.recipes import entry_recipe
from xdistill.bench.run_index import KnownRun, remember
from xdistill.crossval.events import Event, RunFinished
from xdistill.errors import UserError, XdistillError
from xdistill.interfaces.executor import Executor, Job

if TYPE_CHECKING:
    from xdistill.experiment.plans import Experiment
    from xdistill.plugin import Catalog

JOB_FUNCTION = "xdistill.bench.entry_jobs:work"
HERE = {"executor.use": "local", "executor.jobs": 1}


def run_whole(
    benchmark: Benchmark,
    catalog: Catalog,
    plan: Sequence[tuple[str, int]],
    *,
    runs: Path,
    cache: Path | None,
    flags: Mapping[str, Any],
    studies: Path,
) -> Generator[Event, None, None]:
    """Run entries at the same time, each as one job of the executor that the first one names.

    Args:
        benchmark: the benchmark.
        catalog: what recipes may name.
        plan: entries and seeds.
        runs: folder of all runs.
        cache: folder of the cohort caches; None: the user's cache folder.
        flags: last changes of every recipe, such as the executor.
        studies: folder of the studies, for a benchmark that tunes its entries.

    Yields:
        `EntryStarted` and, later, `EntryFinished` or `EntryFailed` for each.

    Raises:
        UserError: when the executor cannot run them.
    """
    from xdistill.experiment.assemble import assemble

    places = {_name(*one): place for place, one in enumerate(plan, start=1)}
    found: dict[str, Experiment] = {}
    for entry, seed in plan:
        loaded = entry_recipe(benchmark, entry, seed, flags=flags)
        try:
            found[_name(entry, seed)] = assemble(loaded, catalog)
        except XdistillError as error:
            yield EntryStarted(entry, seed, places[_name(entry, seed)], len(plan))
            yield EntryFailed(entry, seed, str(error))
            continue
    if not found:
        return
    jobs = {
        name: _job(benchmark, one, experiment, catalog, runs=runs, cache=cache, flags=flags, studies=studies)
        for one in plan
        if (experiment := found.get(name := _name(*one)))
    }
    executor = next(iter(found.values())).executor.build()
    _check_executor(executor, jobs.values())
    begun: set[str] = set()
    paths: dict[str, Path] = {}
    with closing(executor.run(JOB_FUNCTION, list(jobs.values()))) as events:  # type: ignore[type-var]
        for event in events:
            entry, seed = plan[places[event.job] - 1]
            if event.job not in begun:
                begun.add(event.job)
                yield EntryStarted(entry, seed, places[event.job], len(plan))
            if isinstance(event.value, RunFinished):
                paths[event.job] = Path(event.value.path)
            elif event.kind == "done":
                remember(benchmark, runs, KnownRun(entry, seed, paths[event.job]))
                yield EntryFinished(entry, seed, str(paths[event.job]))
            elif event.kind == "failed":
                if not isinstance(event.value, XdistillError):
                    raise event.value
                yield EntryFailed(entry, seed, str(event.value))


def work(payload: Mapping[str, Any]) -> Iterator[Event]:
    """Run one entry, its folds one after the other on this machine.

    Args:
        payload: ``file`` (of the benchmark), ``crossval`` (its splits and trials), ``entry``, ``seed``, ``flags``,
            ``runs``, ``cache``, ``studies``, and ``driver`` (what `driver_facts` says there).

    Raises:
        XdistillError: what is finished is kept.
    """
    from xdistill.crossval.worker_checks import check_files, checked_catalog

    check_files(Path(payload["file"]), machine=payload["driver"].get("machine", ""))
    catalog = checked_catalog(payload["driver"])
    benchmark = load_benchmark(payload["file"]).with_splits(**payload["crossval"])
    flags = {name: value for name, value in payload["flags"].items() if not name.startswith("executor.")}
    loaded = entry_recipe(benchmark, payload["entry"], payload["seed"], flags={**flags, **HERE})
    yield from run_entry(
        loaded,
        catalog,
        Path(payload["runs"]),
        Path(payload["cache"]),
        tuned=is_tuned(benchmark, loaded),
        studies=Path(payload["studies"]),
    )


def _job(
    benchmark: Benchmark,
    one: tuple[str, int],
    experiment: Experiment,
    catalog: Catalog,
    *,
    runs: Path,
    cache: Path | None,
    flags: Mapping[str, Any],
    studies: Path,
) -> Job:
    from xdistill.crossval.worker_checks import driver_facts
    from xdistill.data import default_cache_dir
    from xdistill.distributed.fabric import accelerators

    compute, crossval = experiment.recipe.compute, benchmark.file.crossval
    return Job(
        name=_name(*one),
        payload={
            "file": str(benchmark.path.resolve()),
            "crossval": {"folds": crossval.folds, "repeats": crossval.repeats, "trials": benchmark.file.trials},
            "studies": str(studies.resolve()),
            "entry": one[0],
            "seed": one[1],
            "flags": dict(flags),
            "runs": str(runs.resolve()),
            "cache": str((cache or default_cache_dir()).resolve()),
            "driver": driver_facts(experiment.components, catalog),
        },
        cpus=compute.threads * compute.devices,
        gpus=accelerators(compute),
    )


def _check_executor(executor: Executor, jobs: Iterable[Job]) -> None:
    if not executor.elsewhere and any(job.gpus for job in jobs):
        raise UserError(
            "whole entries in parallel would all use the first accelerator of this machine; leave out "
            "--whole, or pass --executor ray, which distributes the accelerators"
        )
    executor.check()


def _name(entry: str, seed: int) -> str:
    return f"{entry}-s{seed}"
