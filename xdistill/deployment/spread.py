"""How much a model's log probabilities vary, relative to the out-of-fold predictions that calibrate it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from xdistill.data import CohortLike, Split
from xdistill.distributed.device import Device
from xdistill.models.calibration import relative_spread
from xdistill.models.ensemble import Ensemble
from xdistill.training.evaluate import EVALUATION_BATCH


def spread_in(cohort: CohortLike, splits: Sequence[Split], model: Ensemble, folds: Ensemble) -> float:
    """The relative spread for `Calibration.fit`, on predictions of training subjects; labels are not read.

    An out-of-fold prediction is that of a network for a subject it was not trained on. What it is compared with here is
    the same for a subject that it was trained on, so that both sides of the ratio are: the network of the next fold.

    Args:
        cohort: of the cross-validation.
        splits: of all folds.
        model: that is calibrated.
        folds: the networks of the folds, by the names of the splits.
    """
    subjects = dict.fromkeys(subject for split in splits for subject in split.test)
    return relative_spread(model.predict_cohort(cohort, subjects), _twins(cohort, splits, folds))


def _twins(cohort: CohortLike, splits: Sequence[Split], folds: Ensemble) -> NDArray[np.float64]:
    """For each subject, the mean over repeats of a network's predictions that was trained on it."""
    numbers = dict.fromkeys(split.repeat for split in splits)
    repeats = [[split for split in splits if split.repeat == number] for number in numbers]
    with folds.on_device("auto") as computing:
        found = [_of_repeat(cohort, repeat, folds, computing) for repeat in repeats]
    common = set.intersection(*(set(predictions) for predictions in found))
    return np.stack([np.mean([predictions[row] for predictions in found], axis=0) for row in sorted(common)])


def _of_repeat(
    cohort: CohortLike, splits: Sequence[Split], folds: Ensemble, computing: Device
) -> dict[int, NDArray[np.float64]]:
    """By row of the cohort, the prediction of the next fold's network that was trained on the subject."""
    trained = [set(split.train) for split in splits]
    subjects_of: dict[int, list[str]] = {}
    for place, split in enumerate(splits):
        order = [(place + step) % len(splits) for step in range(1, len(splits))]
        for subject in split.test:
            following = next((other for other in order if subject in trained[other]), None)
            if following is not None:
                subjects_of.setdefault(following, []).append(subject)
    found: dict[int, NDArray[np.float64]] = {}
    for following, subjects in subjects_of.items():
        member, rows = folds.member(splits[following].name), cohort.rows_of(subjects)
        (values,) = member.predict_members(cohort, computing, rows=rows, batch_size=EVALUATION_BATCH)
        found |= dict(zip(rows.tolist(), values, strict=True))
    return found
