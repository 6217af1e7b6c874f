"""Multi-label classification: each subject has any number of labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from xdistill.tasks.classification import SMALLEST
from xdistill.tasks.score import Score
from xdistill.tasks.task import Target, Task

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float
    from numpy.typing import NDArray
    from torch import Tensor

SEPARATOR: Final = ";"  # between the zeros and ones of one subject in files
SUBJECTS_PER_STRATUM: Final = 10

_AUC: Final = Score("label_auc", "Macro AUC", words="AUC, mean over labels")
_PRECISION: Final = Score("label_ap", "Average precision", words="average precision, mean over labels")
_F1: Final = Score("label_f1", "Macro F1", words="F1, mean over labels")
_BRIER: Final = Score("label_brier", "Brier score", higher_is_better=False, percent=False)
SCORES: Final = (_AUC, _PRECISION, _F1, Score("exact_match", "All labels right"), _BRIER)


@dataclass(frozen=True)
class MultiLabel(Task):
    """Several labels that a subject has or has not; predictions are one probability for each.

    Attributes:
        labels: their names; a target is a tuple of zeros and ones, one per label.
    """

    labels: tuple[str, ...]

    kind: ClassVar[str] = "multi_label"
    target_dtype: ClassVar[str] = "int64"
    group: ClassVar[str] = "label"
    groups: ClassVar[str] = "labels"
    probabilistic: ClassVar[bool] = True
    explains: ClassVar[str] = "label"
    attributed: ClassVar[str] = "the label's logit"

    @property
    def scores(self) -> tuple[Score, ...]:
        """Means over the labels, and the share of subjects whose labels are all right."""
        return SCORES

    @property
    def primary(self) -> str:
        """The mean AUC of the labels."""
        return _AUC.name

    @property
    def table(self) -> tuple[str, ...]:
        """All of `scores`."""
        return tuple(score.name for score in self.scores)

    @property
    def each(self) -> tuple[Score, ...]:
        """AUC, average precision, F1 and Brier score of each label."""
        return (_AUC, _PRECISION, _F1, _BRIER)

    @property
    def blind(self) -> str:
        """The shares of the labels among the training subjects."""
        return "Shares of the labels"

    @property
    def default_loss(self) -> str:
        """Binary cross entropy."""
        return "binary_cross_entropy"

    @property
    def imitation(self) -> Mapping[str, Any]:
        """Cross entropy with the teacher's probabilities."""
        return {"use": "soft_binary", "temperature": 1.0}

    @property
    def names(self) -> tuple[str, ...]:
        """The labels."""
        return self.labels

    @property
    def outputs(self) -> int:
        """One logit per label."""
        return len(self.labels)

    @property
    def target_shape(self) -> tuple[int, ...]:
        """A zero or a one per label."""
        return (len(self.labels),)

    @property
    def columns(self) -> tuple[str, ...]:
        """``p_<label>``, one column per label."""
        return tuple(f"p_{name}" for name in self.labels)

    def describe(self) -> str:
        """The labels and how many there are."""
        return f"multi-label classification with {len(self.labels)} labels ({', '.join(self.labels)})"

    def problem(self) -> str:
        """There is a label, all have names, and none occurs twice."""
        if not self.labels or not all(self.labels):
            return "a multi-label classification needs at least one label, each with a name"
        twice = sorted({name for name in self.labels if self.labels.count(name) > 1})
        return f"the label {twice[0]!r} occurs twice" if twice else ""

    def to_json(self) -> dict[str, Any]:
        """Kind and labels."""
        return {"kind": self.kind, "labels": list(self.labels)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> MultiLabel:
        """The task that `to_json` wrote."""
        return cls(tuple(map(str, data["labels"])))

    def summary(self, targets: NDArray[Any]) -> dict[str, Any]:
        """Number of subjects that have each label."""
        return {"label_counts": self.counts(targets)}

    def target_problem(self, target: Target) -> str:
        """A target is a zero or a one for each label."""
        marks = target if isinstance(target, Sequence) else (target,)
        if len(marks) != len(self.labels):
            return f"the target has {len(marks)} marks for {len(self.labels)} labels"
        bad = [name for name, value in zip(self.labels, marks, strict=True) if value not in (0, 1)]
        return f"label {bad[0]!r} is neither 0 nor 1" if bad else ""

    def target_text(self, target: Any) -> str:
        """Zeros and ones, such as ``1;0;0``."""
        return SEPARATOR.join(str(int(value)) for value in target)

    def parse_target(self, text: str) -> tuple[int, ...]:
        """The zeros and ones.

        Raises:
            ValueError: if there is not one for each label.
        """
        parts = text.split(SEPARATOR)
        if len(parts) != len(self.labels) or not set(parts) <= {"0", "1"}:
            raise ValueError(f"the target {text!r} is not a 0 or 1 for each of the {len(self.labels)} labels")
        return tuple(map(int, parts))

    def sample_targets(self, subjects: int) -> Float[Tensor, "subjects labels"]:
        """Every second label, one later from subject to subject; as losses see targets, in float32."""
        import torch

        places = torch.arange(subjects)[:, None] + torch.arange(len(self.labels))[None, :]
        return (places % 2).float()

    def encoded(self, targets: NDArray[Any]) -> NDArray[Any]:
        """The same zeros and ones in float32, as binary cross entropy takes them."""
        import numpy as np

        return self.as_targets(targets).astype(np.float32)

    def strata(self, targets: NDArray[Any]) -> NDArray[np.int64] | None:
        """Sets of labels that at least ten subjects have; all others are one stratum. None if that divides nothing."""
        import numpy as np

        _, index, counts = np.unique(self.as_targets(targets), axis=0, return_inverse=True, return_counts=True)
        frequent = np.flatnonzero(counts >= SUBJECTS_PER_STRATUM)
        place = np.full(len(counts), len(frequent), dtype=np.int64)
        place[frequent] = np.arange(len(frequent))
        found = place[index.reshape(-1)]
        if 0 < np.count_nonzero(found == len(frequent)) < SUBJECTS_PER_STRATUM and len(frequent):
            found[found == len(frequent)] = np.argmax(counts[frequent])
        return found if len(np.unique(found)) > 1 else None

    def counts(self, targets: NDArray[Any]) -> dict[str, int]:
        """Number of subjects that have each label, in the order of the labels."""
        totals = self.as_targets(targets).sum(axis=0)
        return dict(zip(self.labels, map(int, totals), strict=True))

    def absent(self, targets: NDArray[Any]) -> tuple[str, ...]:
        """Labels that none has, or that all have: their AUC is not defined."""
        return tuple(name for name, count in self.counts(targets).items() if count in (0, len(targets)))

    def predict(self, logits: Float[Tensor, "subjects labels"]) -> Float[Tensor, "subjects labels"]:
        """Probabilities: the sigmoid of each logit."""
        return logits.sigmoid()

    def prediction_problem(self, values: Sequence[float]) -> str:
        """Probabilities are between 0 and 1."""
        return "" if all(0 <= value <= 1 for value in values) else "a probability is not between 0 and 1"

    def constant_prediction(self, targets: NDArray[Any]) -> NDArray[np.float64]:
        """The share of subjects that have each label."""
        shares: NDArray[np.float64] = self.as_targets(targets).mean(axis=0)
        return shares

    def outcomes(self, targets: NDArray[Any]) -> NDArray[np.bool_]:
        """Which labels each subject has."""
        has: NDArray[np.bool_] = self.as_targets(targets) == 1
        return has

    def in_words(self, prediction: NDArray[np.float64]) -> str:
        """The labels with a probability of one half or more."""
        named = zip(self.labels, prediction.tolist(), strict=True)
        return "; ".join(name for name, value in named if value >= 0.5) or "none"  # noqa: PLR2004 - more likely than not

    def explained(self, logits: Float[Tensor, "subjects labels"]) -> Float[Tensor, "subjects labels"]:
        """The logits of the labels."""
        return logits

    def chosen(self, prediction: NDArray[np.float64]) -> int:
        """The most probable label."""
        return int(prediction.argmax())

    def logits_of(self, predictions: NDArray[np.float64]) -> NDArray[np.float64]:
        """The inverse of the sigmoid; probabilities are at least 1e-12 from 0 and 1."""
        import numpy as np

        inside = np.clip(predictions, SMALLEST, 1 - SMALLEST)
        return np.log(inside) - np.log1p(-inside)

    def validation_loss(self, predictions: NDArray[np.float64], targets: NDArray[Any]) -> float:
        """Mean binary cross entropy over subjects and labels, in nats."""
        import numpy as np

        marks = self.as_targets(targets)
        right = np.where(marks == 1, predictions, 1 - predictions)
        return float(-np.log(np.maximum(right, SMALLEST)).mean())
