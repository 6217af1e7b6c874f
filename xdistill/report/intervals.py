"""Bootstrap intervals of a run's scores, by the same method as a benchmark's: see `xdistill.stats.bootstrap`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from xdistill.runs import Run
from xdistill.runs.files import read_json
from xdistill.stats import Interval, mean_intervals


def score_intervals(run: Run, role: str, wanted: Collection[str] | None = None) -> dict[str, Interval]:
    """The 95 % interval of the mean over folds, for each metric of the table that can be resampled.

    Args:
        run: a finished run.
        role: of the network.
        wanted: names of metrics; None: all.

    Returns:
        By metric; empty if no interval is defined, such as for other tasks than classification.
    """
    return mean_intervals(run.predictions.of(role), run.task, run.metrics[role], _patients(run), wanted)


def _patients(run: Run) -> Mapping[str, str] | None:
    known: Any = read_json(run.folder.splits).get("patients")
    return known if isinstance(known, Mapping) else None
