"""One run in this process: for runs of seconds, starting a process for each fold would take longer than training."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from xdistill.crossval.execute import run_prepared
from xdistill.crossval.prepare import prepare
from xdistill.interfaces.component import Choice, Settings
from xdistill.interfaces.executor import Executor, Job, JobEvent
from xdistill.workers import resolve

if TYPE_CHECKING:
    from xdistill.crossval.events import Event
    from xdistill.data import Cohort
    from xdistill.experiment.plans import Experiment
    from xdistill.plugin import Catalog
    from xdistill.recipe.loaded import LoadedRecipe


class InProcess(Executor):
    """Jobs one after the other in the process that calls; an error ends it as it does any call."""

    name: ClassVar[str] = "in_process"

    def workers(self, jobs: Sequence[Job]) -> int:
        """One."""
        del jobs
        return 1

    def run(self, target: str, jobs: Sequence[Job]) -> Iterator[JobEvent]:
        """Run all jobs; see `Executor.run`."""
        for job in jobs:
            for value in resolve(target)(job.payload):
                yield JobEvent(job.name, "event", value)
            yield JobEvent(job.name, "done")


def run_in_process(
    loaded: LoadedRecipe, experiment: Experiment, catalog: Catalog, cohort: Cohort, runs: Path
) -> Generator[Event, None, None]:
    """Run a recipe, or resume the same run; the run is the one that `execute` makes, with the same id.

    Args:
        loaded: the recipe.
        experiment: what it assembles to.
        catalog: what it was assembled from.
        cohort: the cohort, which exists.
        runs: folder of all runs.

    Yields:
        Events; the last is `RunFinished`.
    """
    prepared = prepare(loaded, experiment, catalog, cohort, runs)
    here = replace(experiment, executor=Choice(InProcess, Settings()))
    yield from run_prepared(replace(prepared, experiment=here))
