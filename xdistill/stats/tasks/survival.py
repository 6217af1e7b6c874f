"""Metrics of survival, by scikit-survival.

Predictions are a risk, higher for an earlier event, and, of discrete time, the probabilities of no event up to each
cut point; the names say which: ``risk``, ``survival_<time>``. Subjects are weighted by the inverse probability of not
being censored (IPCW), which is estimated by Kaplan and Meier from the subjects that are scored, all that a metric is
called with. That of the training subjects would estimate the same if both are censored alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.errors import DataError
from xdistill.extras import require

Floats = NDArray[np.float64]
SURVIVAL = "survival_"
QUANTILES = (0.25, 0.5, 0.75)  # of the times of events, at which the time-dependent AUC is taken


def concordance(target: Floats, predictions: Floats, names: Sequence[str]) -> float:
    """Harrell's concordance index: share of comparable pairs in which the earlier event has the higher risk.

    A pair is comparable if the earlier of its times is that of an event; equal risks count half (Harrell, Lee and Mark
    1996; scikit-survival's ``concordance_index_censored``). 0.5 is chance.

    Args:
        target: time, and 1 for an event or 0 for censoring, ``(subjects, 2)``.
        predictions: the risk in the first column, ``(subjects, columns)``.
        names: of the columns.

    Raises:
        DataError: when no pair is comparable.
        UserError: without scikit-survival.
    """
    del names
    metrics, exceptions = _metrics(), require("sksurv.exceptions", extra="survival", purpose="scoring survival")
    event, time = _parts(target)
    if not event.any():
        raise _undefined(target, "none has an event")
    try:
        return float(metrics.concordance_index_censored(event, time, predictions[:, 0])[0])
    except exceptions.NoComparablePairException:
        raise _undefined(target, "no two are comparable") from None


def time_dependent_auc(target: Floats, predictions: Floats, names: Sequence[str]) -> float:
    """Cumulative/dynamic AUC of the risk (Uno et al. 2007), a mean over three times; 0.5 is chance.

    At a time, subjects with an event until then are compared with those without. The times are the quartiles of the
    events' times; the mean is weighted by how survival falls between them (scikit-survival's
    ``cumulative_dynamic_auc``).
    Arguments and errors as `concordance`.
    """
    del names
    metrics = _metrics()
    event, time = _parts(target)
    if not event.any():
        raise _undefined(target, "none has an event")
    times = _inside(np.unique(np.quantile(time[event], QUANTILES)), time)
    if not len(times):
        raise _undefined(target, "no time of an event lies before the last time")
    structured = _structured(target)
    try:
        return float(metrics.cumulative_dynamic_auc(structured, structured, predictions[:, 0], times)[1])
    except ValueError as error:
        raise _undefined(target, str(error)) from None


def integrated_brier(target: Floats, predictions: Floats, names: Sequence[str]) -> float:
    """Integrated Brier score of the survival probabilities (Graf et al. 1999); lower is better, 0.25 says nothing.

    The Brier score at every cut point that lies within the times of the subjects, integrated over time by trapezoids
    and divided by the time between the first and the last (scikit-survival's ``integrated_brier_score``).
    Arguments and errors as `concordance`; at least two cut points have to lie within the times.
    """
    metrics = _metrics()
    cuts = cut_points(names)
    _, time = _parts(target)
    times = _inside(cuts, time)
    if len(times) < 2:  # noqa: PLR2004 - an integral
        raise _undefined(target, f"only {len(times)} of the {len(cuts)} cut points lie within their times")
    columns = [place for place, name in enumerate(names) if name.startswith(SURVIVAL)]
    chosen = [column for column, cut in zip(columns, cuts, strict=True) if cut in times]
    structured = _structured(target)
    try:
        return float(metrics.integrated_brier_score(structured, structured, predictions[:, chosen], times))
    except ValueError as error:
        raise _undefined(target, str(error)) from None


def cut_points(names: Sequence[str]) -> Floats:
    """The times of the columns ``survival_<time>``.

    >>> cut_points(["risk", "survival_365.0", "survival_730.5"]).tolist()
    [365.0, 730.5]
    """
    return np.array([float(name.removeprefix(SURVIVAL)) for name in names if name.startswith(SURVIVAL)])


def _metrics() -> Any:
    return require("sksurv.metrics", extra="survival", purpose="scoring survival")


def _parts(target: Floats) -> tuple[NDArray[np.bool_], Floats]:
    """Event and time, ``(subjects,)`` each."""
    return target[:, 1] == 1, target[:, 0]


def _structured(target: Floats) -> NDArray[np.void]:
    event, time = _parts(target)
    structured = np.empty(len(time), dtype=[("event", bool), ("time", np.float64)])
    structured["event"], structured["time"] = event, time
    return structured


def _inside(times: Floats, observed: Floats) -> Floats:
    """Those times for which subjects are left: from the first observed time to before the last."""
    inside: Floats = times[(times >= observed.min()) & (times < observed.max())]
    return inside


def _undefined(target: Floats, reason: str) -> DataError:
    return DataError(
        f"survival cannot be scored on the {len(target)} subjects here: {reason}; use fewer folds, or stratify them"
    )
