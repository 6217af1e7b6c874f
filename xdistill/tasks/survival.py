"""Survival: the time until an event, which is known of some subjects; of the others how long it did not happen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from xdistill.tasks.hazards import SMALLEST, hazards_of, kaplan_meier, log_risks
from xdistill.tasks.score import Score
from xdistill.tasks.task import LARGEST, Target, Task

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float
    from numpy.typing import NDArray
    from torch import Tensor

Method = Literal["cox", "discrete"]
BINS: Final = 8
TOLERANCE: Final = 1e-6  # by which a probability of survival may rise from one cut point to the next

_CONCORDANCE: Final = Score("concordance", "C-index", words="concordance index")
_AUC: Final = Score("time_dependent_auc", "Time-dependent AUC", words="time-dependent AUC")
_BRIER: Final = Score("integrated_brier", "Integrated Brier score", higher_is_better=False, percent=False)
SCORES: Final = (_CONCORDANCE, _AUC, _BRIER)


@dataclass(frozen=True)
class Survival(Task):
    """Time to an event, with censoring; predictions are a risk and, of discrete time, probabilities of survival.

    A target is ``(time, event)``: event 1 if it happened at that time, 0 if the subject was observed until then without
    it. ``cox`` predicts the log hazard of Cox's model. ``discrete`` predicts the hazard of every bin of time, and of
    these the probability of no event up to each cut point.

    Cut points are part of the task, as class names are, so that the bins of teacher and student, of all folds and of
    the folds' networks in a model are the same. `quantiles` chooses them by the times of events, and looks at no input.

    Attributes:
        method: ``cox`` or ``discrete``.
        cuts: ends of the bins of discrete time, ascending; none with ``cox``.
        unit: of time, such as ``days``; empty: not known.
    """

    method: Method = "cox"
    cuts: tuple[float, ...] = ()
    unit: str = ""

    kind: ClassVar[str] = "survival"
    target_dtype: ClassVar[str] = "float64"
    group: ClassVar[str] = "outcome"
    groups: ClassVar[str] = "outcomes"

    @property
    def scores(self) -> tuple[Score, ...]:
        """Concordance and time-dependent AUC; of discrete time also the integrated Brier score."""
        return (_CONCORDANCE, _AUC, _BRIER) if self.cuts else (_CONCORDANCE, _AUC)

    @property
    def primary(self) -> str:
        """Harrell's concordance index."""
        return _CONCORDANCE.name

    @property
    def table(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(score.name for score in self.scores)

    @property
    def blind(self) -> str:
        """Kaplan and Meier's estimate of discrete time; one risk for every subject has no name."""
        return "Kaplan-Meier" if self.cuts else "The same risk for every subject"

    @property
    def default_loss(self) -> str:
        """That of the method."""
        return "discrete_time" if self.method == "discrete" else "cox"

    @property
    def imitation(self) -> Mapping[str, Any]:
        """The teacher's hazards; of Cox's model the order of its risks."""
        return {"use": "hazard_kl", "temperature": 1.0} if self.cuts else {"use": "risk_ranking"}

    @property
    def relative(self) -> bool:
        """Of Cox's model, whose risks have no level."""
        return not self.cuts

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of the predictions, from which metrics take the cut points."""
        return self.columns

    @property
    def outputs(self) -> int:
        """A log hazard, or a logit of the hazard for every bin."""
        return len(self.cuts) or 1

    @property
    def target_shape(self) -> tuple[int, ...]:
        """Time and event."""
        return (2,)

    @property
    def columns(self) -> tuple[str, ...]:
        """``risk``, and ``survival_<time>`` for every cut point."""
        return ("risk", *(f"survival_{cut!r}" for cut in self.cuts))

    def describe(self) -> str:
        """The method and the cut points."""
        unit = f" {self.unit}" if self.unit else ""
        if self.method == "cox":
            return "survival by Cox's model"
        return f"survival in discrete time, up to {', '.join(f'{cut:g}' for cut in self.cuts)}{unit}"

    def problem(self) -> str:
        """Cut points are above zero and ascend; discrete time has at least two, and Cox's model none."""
        if self.method == "cox":
            return "Cox's model has no cut points; leave out `cuts`, or set `method: discrete`" if self.cuts else ""
        if len(self.cuts) < 2:  # noqa: PLR2004 - one bin is a classification
            return "discrete time needs at least two cut points"
        if not all(map(math.isfinite, self.cuts)) or min(self.cuts) <= 0:
            return f"a cut point is not a number above 0: {', '.join(f'{cut:g}' for cut in self.cuts)}"
        if list(self.cuts) != sorted(set(self.cuts)):
            return f"the cut points must ascend, got {', '.join(f'{cut:g}' for cut in self.cuts)}"
        return ""

    def to_json(self) -> dict[str, Any]:
        """Kind, method, cut points and unit."""
        return {"kind": self.kind, "method": self.method, "cuts": list(self.cuts), "unit": self.unit}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Survival:
        """The task that `to_json` wrote."""
        return cls(data["method"], tuple(map(float, data["cuts"])), data["unit"])

    def target_problem(self, target: Target) -> str:
        """A time above zero, and 0 or 1."""
        if not isinstance(target, Sequence) or len(target) != 2:  # noqa: PLR2004 - time and event
            return f"the target {target} is not a time and an event"
        time, event = target
        if not math.isfinite(time) or time <= 0:
            return f"the time {time:g} is not above 0"
        if time > LARGEST:
            return f"the time {time:g} is larger than float32 holds ({LARGEST:.1e})"
        return "" if event in {0, 1} else f"the event {event:g} is neither 0 nor 1"

    def target_text(self, target: Any) -> str:
        """``12.5`` for an event, ``12.5+`` for censoring, as survival is written in R."""
        time, event = map(float, target)
        return f"{time!r}{'' if event else '+'}"

    def parse_target(self, text: str) -> tuple[float, float]:
        """Time and event.

        Raises:
            ValueError: if the text is not a time, with or without a plus sign.
        """
        try:
            time = float(text.removesuffix("+"))
        except ValueError:
            raise ValueError(f"the target {text!r} is not a time, followed by + for a censored subject") from None
        return time, 0.0 if text.endswith("+") else 1.0

    def sample_targets(self, subjects: int) -> Float[Tensor, "subjects 2"]:
        """Times over all bins, in no order; one of four subjects is censored."""
        import torch

        places = torch.arange(subjects, dtype=torch.float64)
        times = ((places * 5) % subjects + 0.5) / max(subjects, 1) * 1.1 * (self.cuts[-1] if self.cuts else 1.0)
        return torch.stack([times, (places % 4 != 1).double()], dim=1)

    def strata(self, targets: NDArray[Any]) -> NDArray[np.int64]:
        """Whether the event happened, so that every fold has its share of events."""
        import numpy as np

        events: NDArray[np.int64] = (self.as_targets(targets)[:, 1] == 1).astype(np.int64)
        return events

    def counts(self, targets: NDArray[Any]) -> dict[str, int]:
        """Subjects with an event, of which every part of a split needs one."""
        return {"event": int(self.strata(targets).sum())}

    def summary(self, targets: NDArray[Any]) -> dict[str, Any]:
        """Events and censored subjects, and the median time of observation."""
        import numpy as np

        events, times = self.strata(targets), self.as_targets(targets)[:, 0]
        counts = {"event": int(events.sum()), "censored": int((events == 0).sum())}
        return {"counts": counts, "median_time": float(np.median(times))}

    def predict(self, logits: Float[Tensor, "subjects outputs"]) -> Float[Tensor, "subjects columns"]:
        """The risk, and of discrete time the probability of no event up to each cut point."""
        import torch
        from torch.nn import functional as F

        risk = log_risks(logits)[:, None]
        return torch.cat([risk, F.logsigmoid(-logits).cumsum(dim=1).exp()], dim=1) if self.cuts else risk

    @property
    def explainable(self) -> tuple[str, ...]:
        """The risk."""
        return self.columns[:1]

    def prediction_problem(self, values: Sequence[float]) -> str:
        """All are finite; probabilities are between 0 and 1 and do not rise."""
        if not all(map(math.isfinite, values)):
            return "a prediction is not finite"
        survival = [1.0, *values[1:]]
        if min(survival) < 0 or max(survival) > 1:
            return f"a probability of survival is not between 0 and 1: {min(survival):g} to {max(survival):g}"
        rises = [later for earlier, later in pairwise(survival) if later > earlier + TOLERANCE]
        return f"the probability of survival rises to {rises[0]:g}" if rises else ""

    def constant_prediction(self, targets: NDArray[Any]) -> NDArray[np.float64]:
        """The same risk for every subject, and Kaplan and Meier's estimate of survival at the cut points."""
        import numpy as np

        if not self.cuts:
            return np.zeros(1)
        times, events = self.as_targets(targets).T
        survival = np.array([kaplan_meier(times, events, cut) for cut in self.cuts])
        mortality = -np.log1p(-hazards_of(survival[None])).cumsum().sum()
        return np.array([math.log(mortality), *survival])

    def logits_of(self, predictions: NDArray[np.float64]) -> NDArray[np.float64]:
        """The risk; of discrete time the logits of the hazards between the probabilities of survival."""
        import numpy as np

        if not self.cuts:
            return predictions
        hazards = hazards_of(predictions[:, 1:])
        return np.log(hazards) - np.log1p(-hazards)

    def validation_loss(self, predictions: NDArray[np.float64], targets: NDArray[Any]) -> float:
        """Of Cox's model its negative log partial likelihood by event, Breslow's; of discrete time the mean deviance.

        Zero for Cox's model if there is no event.
        """
        times, events = self.as_targets(targets).T
        return (
            _discrete_loss(predictions[:, 1:], times, events, self.cuts)
            if self.cuts
            else _cox_loss(predictions[:, 0], times, events)
        )


def _cox_loss(risk: NDArray[np.float64], times: NDArray[np.float64], events: NDArray[np.float64]) -> float:
    import numpy as np

    if not events.any():
        return 0.0
    order = np.argsort(times)
    at_risk = np.logaddexp.accumulate(risk[order][::-1])[::-1]
    happened = events == 1
    return float((at_risk[np.searchsorted(times[order], times[happened])] - risk[happened]).mean())


def _discrete_loss(
    survival: NDArray[np.float64], times: NDArray[np.float64], events: NDArray[np.float64], cuts: Sequence[float]
) -> float:
    """Negative log of the probability of the event's bin, or of no event up to the last cut point before censoring."""
    import numpy as np

    everyone = np.arange(len(times))
    known = np.column_stack([np.ones(len(times)), survival])  # up to zero, and up to each cut point
    begun = np.searchsorted(cuts, times)  # the bin of the time; after the last cut point, their number
    completed = np.where(events == 1, begun, np.searchsorted(cuts, times, side="right"))
    inside = (events == 1) & (begun < len(cuts))
    falls = known[everyone, begun] - known[everyone, np.minimum(begun + 1, len(cuts))]
    chances = np.where(inside, falls, known[everyone, np.minimum(completed, len(cuts))])
    return float(-np.log(np.maximum(chances, SMALLEST)).mean())
