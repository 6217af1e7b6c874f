"""Risks, hazards and probabilities of survival, one from the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float
    from numpy.typing import NDArray
    from torch import Tensor

SMALLEST: Final = 1e-12  # probability, so that logarithms are finite
_LINEAR: Final = -20.0  # below it the softplus is the exponential, to the last digit of single precision


def quantiles(times: Sequence[float], events: Sequence[float], bins: int) -> tuple[float, ...]:
    """Cut points that divide the times of the events into bins of as many events; the last is the last event.

    Args:
        times: of all subjects.
        events: 1 for an event, 0 for censoring.
        bins: how many; there are fewer if events share their times.
    """
    import numpy as np

    happened = np.asarray(times, dtype=np.float64)[np.asarray(events) == 1]
    if not len(happened):
        return ()
    cuts = np.quantile(happened, np.arange(1, bins + 1) / bins, method="higher")
    return tuple(map(float, np.unique(cuts)))


def kaplan_meier(times: NDArray[np.float64], events: NDArray[np.float64], until: float) -> float:
    """The probability of no event up to a time (Kaplan and Meier 1958).

    >>> import numpy as np
    >>> kaplan_meier(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 0.0, 1.0, 1.0]), 3.0)  # 3/4 * 1/2
    0.375
    """
    places, survival = kaplan_meier_curve(times, events)
    return float(survival[places <= until][-1])


def kaplan_meier_curve(
    times: NDArray[np.float64], events: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times at which the estimate falls and its values from there on; it begins with 1 at time 0.

    Args:
        times: ``(subjects,)``.
        events: 1 for an event, 0 for censoring.
    """
    import numpy as np

    places, happened = np.unique(times[events == 1], return_counts=True)
    at_risk = (times[None, :] >= places[:, None]).sum(axis=1)
    return np.append(0.0, places), np.append(1.0, np.cumprod(1 - happened / np.maximum(at_risk, 1)))


def log_risks(logits: Float[Tensor, "subjects outputs"]) -> Float[Tensor, " subjects"]:
    """One number per subject, higher for an earlier event.

    Of a single logit it is this log hazard of Cox's model. Of the logits of hazards it is the logarithm of the sum over
    bins of the cumulative hazard up to their ends, the mortality of Ishwaran et al. (Random survival forests, 2008).
    """
    import torch
    from torch.nn import functional as F

    if logits.shape[1] == 1:
        return logits[:, 0]
    hazards = torch.where(logits < _LINEAR, logits, F.softplus(logits.clamp(min=_LINEAR)).log())
    counted = torch.arange(logits.shape[1], 0, -1).to(logits)  # in how many cumulative hazards each bin is
    return (hazards + counted.log()).logsumexp(dim=1)


def hazards_of(survival: NDArray[np.float64]) -> NDArray[np.float64]:
    """Hazards of the bins between probabilities of survival, both ``(subjects, bins)``; at least 1e-12, and below 1."""
    import numpy as np

    before = np.column_stack([np.ones(len(survival)), survival[:, :-1]])
    kept = np.divide(survival, before, out=np.zeros_like(survival), where=before > 0)
    hazards: NDArray[np.float64] = np.clip(1 - kept, SMALLEST, 1 - SMALLEST)
    return hazards
