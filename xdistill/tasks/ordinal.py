"""Ordinal regression: classes with an order, such as grades."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from xdistill.tasks.classification import SMALLEST, Classification
from xdistill.tasks.score import Score

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float
    from numpy.typing import NDArray
    from torch import Tensor

CORN: Final = "corn"
CUMULATIVE: Final = "cumulative_link"
_ROUNDING: Final = 1e-9  # of sums of probabilities
LINKS: Final = (CORN, CUMULATIVE)

SCORES: Final = (
    Score("qwk", "QWK", percent=False, words="quadratic weighted kappa"),
    Score("grade_mae", "MAE of the grade", higher_is_better=False, percent=False, words="mean error in grades"),
    Score("grade_accuracy", "Accuracy"),
    Score("auc_ovo", "Macro OvO AUC", words="macro one-versus-one AUC"),
    Score("brier", "Brier score", higher_is_better=False, percent=False),
    Score("ece", "ECE", higher_is_better=False, percent=False),
)


@dataclass(frozen=True)
class Ordinal(Classification):
    r"""Classes from the lowest to the highest; predictions are class probabilities.

    The head has one logit less than there are classes. With ``link`` ``corn``, logit k is that of the conditional
    probability :math:`P(y > k \mid y > k - 1)` (Shi, Cao and Raschka, Deep neural networks for rank-consistent ordinal
    regression based on conditional probabilities, 2023). With ``cumulative_link`` the logits of :math:`P(y > k)` fall
    from class to class, as those of a proportional odds model do (McCullagh 1980): see `cumulative_logits`.

    Attributes:
        classes: their names, in order; a target is an index into them.
        link: what the logits mean.
    """

    link: str = CORN

    kind: ClassVar[str] = "ordinal"
    attributed: ClassVar[str] = "the logarithm of the class's probability"

    @property
    def binary(self) -> bool:
        """False: also two grades have the tables of grades."""
        return False

    @property
    def scores(self) -> tuple[Score, ...]:
        """Weighted kappa and the error in grades, then metrics of classification."""
        return SCORES

    @property
    def primary(self) -> str:
        """Quadratic weighted kappa."""
        return "qwk"

    @property
    def table(self) -> tuple[str, ...]:
        """Names of the metrics that result tables show, in their order."""
        return tuple(score.name for score in SCORES)

    @property
    def few(self) -> tuple[str, ...]:
        """Kappa, the error in grades, accuracy and AUC."""
        return self.table[:4]

    @property
    def default_loss(self) -> str:
        """That of the link."""
        return self.link

    @property
    def imitation(self) -> Mapping[str, Any]:
        """Divergence from the teacher's thresholds."""
        return {"use": "soft_ordinal", "temperature": 1.0, "link": self.link}

    @property
    def outputs(self) -> int:
        """One logit per threshold between neighbouring classes."""
        return len(self.classes) - 1

    def describe(self) -> str:
        """The classes in their order."""
        return f"ordinal regression of {len(self.classes)} grades ({' < '.join(self.classes)})"

    def problem(self) -> str:
        """As of a classification, and the link is a known one."""
        return super().problem() or ("" if self.link in LINKS else f"unknown link {self.link!r}")

    def to_json(self) -> dict[str, Any]:
        """Kind, classes and link."""
        return {"kind": self.kind, "classes": list(self.classes), "link": self.link}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Ordinal:
        """The task that `to_json` wrote."""
        return cls(tuple(map(str, data["classes"])), str(data["link"]))

    def entries(self) -> dict[str, Any]:
        """The task with its kind."""
        return {"task": self.to_json()}

    def predict(self, logits: Float[Tensor, "subjects thresholds"]) -> Float[Tensor, "subjects classes"]:
        """Class probabilities: differences of the probabilities to exceed each threshold."""
        import torch

        above = exceedance(logits, self.link)
        ends = torch.ones_like(above[:, :1])
        return torch.cat([ends, above], dim=1) - torch.cat([above, torch.zeros_like(ends)], dim=1)

    def explained(self, logits: Float[Tensor, "subjects thresholds"]) -> Float[Tensor, "subjects classes"]:
        """The logarithms of the class probabilities, at least that of 1e-12."""
        return self.predict(logits).clamp_min(SMALLEST).log()

    def predicted(self, probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
        """The median grade, whose expected error is the smallest."""
        grades: NDArray[np.int64] = (probabilities.cumsum(axis=1) >= 0.5 - _ROUNDING).argmax(axis=1)
        return grades

    def logits_of(self, predictions: NDArray[np.float64]) -> NDArray[np.float64]:
        """The logits whose class probabilities these are; probabilities are at least 1e-12."""
        import numpy as np

        shares = np.maximum(predictions, SMALLEST)
        shares = shares / shares.sum(axis=1, keepdims=True)
        above = np.cumsum(shares[:, ::-1], axis=1)[:, ::-1][:, 1:]  # P(y > k)
        if self.link == CORN:
            before = np.concatenate([np.ones((len(above), 1)), above[:, :-1]], axis=1)
            return _logit(above / before)
        levels = _logit(above)
        gaps = np.maximum(levels[:, :-1] - levels[:, 1:], SMALLEST)
        return np.concatenate([levels[:, :1], np.log(np.expm1(gaps))], axis=1)


def exceedance(logits: Float[Tensor, "subjects thresholds"], link: str) -> Float[Tensor, "subjects thresholds"]:
    r"""The probabilities :math:`P(y > k)`, which fall with k.

    Args:
        logits: of a network.
        link: ``corn`` or ``cumulative_link``.
    """
    import torch

    if link == CORN:
        above = logits.sigmoid()
        if not torch.compiler.is_exporting():
            return above.cumprod(dim=1)
        return torch.stack([above[:, :end].prod(dim=1) for end in range(1, above.shape[1] + 1)], dim=1)
    return cumulative_logits(logits).sigmoid()


def cumulative_logits(logits: Float[Tensor, "subjects thresholds"]) -> Float[Tensor, "subjects thresholds"]:
    r"""Logits :math:`e_k` of :math:`P(y > k)` from those of a network, :math:`z`.

    .. math:: e_0 = z_0, \qquad e_k = e_{k-1} - \log(1 + e^{z_k})

    They fall with k whatever the network returns.
    """
    import torch
    from torch.nn import functional

    return torch.cat([logits[:, :1], -functional.softplus(logits[:, 1:])], dim=1).cumsum(dim=1)


def _logit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    inside = np.clip(values, SMALLEST, 1 - SMALLEST)
    return np.log(inside) - np.log1p(-inside)
