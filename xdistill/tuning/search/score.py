"""The outer score with its honest interval."""

from __future__ import annotations

from xdistill.data.splits import train_sizes
from xdistill.runs import Run
from xdistill.runs.files import read_json
from xdistill.stats import Interval, Method, align, observed_scores, resampled_scores
from xdistill.stats.resampled import RESAMPLED_ALL


def outer_interval(run: Run, metric: str) -> Interval | None:
    """The bootstrap interval of the student's score over all outer test folds; None for metrics that have none.

    It is that of any run, see docs/statistics.md: it accounts for the choice of test patients, with the trained
    networks held fixed.
    """
    if metric not in RESAMPLED_ALL:
        return None
    splits = read_json(run.folder.splits)
    method = Method(
        name=run.name,
        fingerprint=run.record["cohort"]["fingerprint"],
        split_hash=run.record["split_hash"],
        train_sizes=train_sizes(splits),
        seeds=(run.predictions,),
    )
    folds = align([method])
    resampled = resampled_scores(folds, [metric], patients=splits.get("patients"))[metric]
    return Interval.of(float(observed_scores(folds, metric).mean()), resampled[0])
