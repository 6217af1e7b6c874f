"""The study's result as data, in addition to its trials: ``study.json``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xdistill.runs import Run
from xdistill.runs.files import write_json
from xdistill.tuning.search.score import outer_interval
from xdistill.tuning.search.space import values_of
from xdistill.tuning.storage.open import shown_url
from xdistill.version import __version__

if TYPE_CHECKING:
    from xdistill.tuning.outcome import Winner
    from xdistill.tuning.study import Study

FORMAT = "xdistill-study"
FORMAT_VERSION = 1
FILE = "study.json"


def study_summary(
    study: Study, winners: Mapping[str, Winner], params: Mapping[str, Any], run: Run | None
) -> dict[str, Any]:
    """What came out, as plain data; the format is described in docs/tuning.md.

    Args:
        study: what was searched.
        winners: the best trial of each search.
        params: the settings of the tuned recipe, as Optuna keeps them.
        run: of a nested search, finished.
    """
    tuned = run.record["tuned"] if run is not None else None
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "id": study.identity,
        "recipe": study.experiment.recipe.name,
        "xdistill": __version__,
        "kind": "flat" if study.flat else "nested",
        "optimistic": study.flat,
        "metric": study.tune.metric,
        "maximise": study.maximise,
        "tune": study.tune.model_dump(mode="json"),
        "storage": shown_url(study.url),
        "study": study.name,
        "searches": {
            name: {
                "trial": winner.number,
                "settings": dict(winner.values),
                "inner": winner.score,
                "outer": tuned["folds"][name]["outer"] if tuned else None,
                "trials": dict(winner.states),
            }
            for name, winner in winners.items()
        },
        "settings": values_of(params, study.tune.space),
        "inner": sum(winner.score for winner in winners.values()) / len(winners),
        "outer": _outer(run) if run is not None else None,
        "optimism": tuned["optimism"] if tuned else None,
        "run": str(run.path) if run is not None else None,
    }


def write_study_file(folder: Path, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Write ``study.json``; gives back what was written."""
    write_json(folder / FILE, data)
    return data


def _outer(run: Run) -> dict[str, Any]:
    tuned = run.record["tuned"]
    interval = outer_interval(run, tuned["metric"])
    bounds = {} if interval is None else {"low": interval.low, "high": interval.high, "level": interval.level}
    return {"mean": tuned["outer"], **bounds}
