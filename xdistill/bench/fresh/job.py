"""All entries on one cohort, in a worker process."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xdistill.bench.fresh.in_process import run_in_process
from xdistill.bench.fresh.plan import FreshPlan, Unit
from xdistill.bench.fresh.results import finished, keep, result_path
from xdistill.bench.load import load_benchmark
from xdistill.crossval.events import Event, RunFinished
from xdistill.errors import InterruptedRunError, XdistillError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from xdistill.data import Cohort
    from xdistill.runs import Run

JOB_FUNCTION = "xdistill.bench.fresh.job:work"


@dataclass(frozen=True)
class CohortFinished(Event):
    """All entries were trained and tested on a cohort, or failed.

    Attributes:
        unit: the cohort's name.
        trained: number of entries that were trained.
        failed: what is wrong, by entry.
        seconds: that it took.
    """

    unit: str
    trained: int
    failed: Mapping[str, str]
    seconds: float


def work(payload: Mapping[str, Any]) -> Iterator[Event]:
    """Build one cohort, train every entry on it that has no result, keep the results, and remove the cohort.

    Args:
        payload: ``file`` (of the benchmark), ``unit`` (name of the cohort), ``entries``, ``flags``, ``folder`` (of
            the benchmark's results), ``driver`` (what `driver_facts` says there).
    """
    from xdistill.crossval.worker_checks import check_files, checked_catalog

    begun = time.perf_counter()
    check_files(Path(payload["file"]), machine=payload["driver"].get("machine", ""))
    plan = _plan(payload["file"], checked_catalog(payload["driver"]), payload["flags"])
    unit, folder = plan.named[payload["unit"]], Path(payload["folder"])
    scratch = folder / "scratch" / unit.name
    failed: dict[str, str] = {}
    trained = 0
    cohort: Cohort | None = None
    for entry in payload["entries"]:
        path, key = result_path(folder, unit, entry), plan.key(entry, unit)
        if finished(plan, entry, unit, folder) is not None:
            continue
        try:
            cohort = cohort or _cohort(plan, unit, scratch)
            run = _trained(plan, entry, unit, cohort, scratch)
        except InterruptedRunError:
            raise
        except XdistillError as error:
            failed[entry] = str(error)
            continue
        recipe_key = plan.key(entry, unit, with_code=False)
        facts = {"entry": entry, "key": key, "recipe_key": recipe_key}
        keep(path, run, metric=plan.benchmark.file.primary, truth=_truth(plan, run, cohort), **facts)
        shutil.rmtree(run.path, ignore_errors=True)
        trained += 1
    shutil.rmtree(scratch, ignore_errors=True)
    yield CohortFinished(unit.name, trained, failed, time.perf_counter() - begun)


_PLANS: dict[str, FreshPlan] = {}


def _plan(file: str, catalog: Any, flags: Mapping[str, Any]) -> FreshPlan:
    """The plan of a benchmark file, made once a worker process."""
    name = f"{file} {flags}"
    if name not in _PLANS:
        elsewhere = {field: value for field, value in flags.items() if not field.startswith("executor.")}
        _PLANS[name] = FreshPlan(load_benchmark(file), catalog, elsewhere)
    return _PLANS[name]


def _cohort(plan: FreshPlan, unit: Unit, scratch: Path) -> Cohort:
    from xdistill.data import build_cohort, open_cohort
    from xdistill.interfaces.component import choose
    from xdistill.interfaces.dataset import Dataset

    entry = next(iter(plan.experiments))
    data = choose(Dataset, plan.data(unit), plan.catalog)
    recipe = plan.experiments[entry].recipe
    return open_cohort(build_cohort(data, recipe.cache, directory=scratch / "cache", workers=1))


def _truth(plan: FreshPlan, run: Run, cohort: Cohort) -> dict[str, NDArray[np.float64]]:
    """The true probabilities of the test subjects' targets by role; empty if the benchmark scores by labels."""
    if plan.fresh.truth is None:
        return {}
    import torch

    found = {}
    for role in run.predictions.roles():
        logits = cohort.values(plan.fresh.truth, cohort.rows_of(run.predictions.pooled(role).subjects))
        found[role] = cohort.schema.task.predict(torch.from_numpy(logits).double()).numpy()
    return found


def _trained(plan: FreshPlan, entry: str, unit: Unit, cohort: Cohort, scratch: Path) -> Run:
    from xdistill.experiment.assemble import assemble
    from xdistill.runs import load_run

    loaded = plan.recipe(entry, unit)
    experiment = assemble(loaded, plan.catalog)
    for event in run_in_process(loaded, experiment, plan.catalog, cohort, scratch / "runs"):
        if isinstance(event, RunFinished):
            return load_run(event.path)
    raise AssertionError("a run ends with its results")
