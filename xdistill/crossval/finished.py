"""Finds the finished run of a recipe without splitting its cohort again."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from xdistill.crossval.prepare import resolved_recipe
from xdistill.data import Cohort
from xdistill.errors import RunError
from xdistill.experiment.identity import run_id, sources, versions
from xdistill.experiment.plans import Experiment
from xdistill.plugin import Catalog
from xdistill.runs import load_run, read_record, run_name


def finished_run(
    experiment: Experiment, catalog: Catalog, cohort: Cohort, runs: Path, external: Cohort | None = None
) -> Path | None:
    """The folder of the finished run of a recipe; None if there is none, or if a file of it was changed.

    The splits are those that the run has stored: with them the recipe, the cohort and the code must give its id.

    Args:
        experiment: what the recipe assembles to.
        catalog: what it was assembled from.
        cohort: its cohort.
        runs: folder of all runs.
        external: its external test cohort, if it has one.
    """
    resolved = resolved_recipe(experiment)
    used = experiment.components
    identify = partial(
        run_id,
        resolved,
        fingerprint=cohort.fingerprint,
        versions=versions(used, catalog),
        sources=sources(used),
        external="" if external is None else external.fingerprint,
    )
    for path in sorted((runs / run_name(resolved)).glob("*/record.json")):
        try:
            if identify(split_hash=str(read_record(path).get("split_hash"))) != path.parent.name:
                continue
            if load_run(path.parent, thorough=True).sealed:
                return path.parent
        except RunError:  # damaged or not finished: the folds are examined one by one
            continue
    return None
