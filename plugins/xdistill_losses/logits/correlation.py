"""Correlation of class probabilities."""

from __future__ import annotations

from typing import Annotated

from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Settings
from xdistill.types import Batch, OutputSpec
from xdistill_losses.base import LogitLoss
from xdistill_losses.numerics import correlation

Logits = Float[Tensor, "batch classes"]
Weight = Annotated[float, Field(ge=0)]
TWO = 2


def probability_correlation(
    student: Logits, teacher: Logits, *, beta: float = 1.0, gamma: float = 1.0, tau: float = 1.0
) -> Float[Tensor, ""]:
    """``beta`` times one minus the correlation over classes, ``gamma`` times that over subjects, times ``tau^2``.

    A single subject has no correlation over subjects: that part is then zero.
    """
    ours, theirs = (F.softmax(logits / tau, dim=1) for logits in (student, teacher))
    total = beta * (1 - correlation(ours, theirs).mean())
    if student.shape[0] > 1:
        total = total + gamma * (1 - correlation(ours.T, theirs.T).mean())
    return tau**2 * total


class ProbabilityCorrelation(LogitLoss):
    r"""Class probabilities correlate with the teacher's, over classes and over subjects.

    .. math::
        L = \tau^2 \left( \beta \Big(1 - \frac{1}{B} \sum_i \rho(p_{s,i\cdot}, p_{t,i\cdot})\Big)
        + \gamma \Big(1 - \frac{1}{C} \sum_c \rho(p_{s,\cdot c}, p_{t,\cdot c})\Big) \right)

    with Pearson's correlation of softmax probabilities at temperature τ. After Huang et al., Knowledge distillation
    from a stronger teacher (DIST), NeurIPS 2022, with the factor τ² of its code. A constant row or
    column correlates with nothing. Two probabilities that sum to one always correlate fully, so that with two classes
    the first part has no gradient and β has to be 0.

    Raises:
        SettingsError: for two classes with ``beta`` above zero, and for no part at all.
    """

    name = "dist"
    tasks = ("classification",)
    config: Config

    class Config(Settings):
        """Weights of the parts."""

        beta: Weight = Field(default=1.0, description="weight of the correlation over the classes of a subject")
        gamma: Weight = Field(default=1.0, description="weight of the correlation over the subjects of a batch")
        tau: Annotated[float, Field(gt=0)] = Field(default=1.0, description="temperature of the softmax")

    def __init__(self, config: Config, *, student: OutputSpec, teacher: OutputSpec) -> None:
        super().__init__(config, student=student, teacher=teacher)
        if student.outputs == TWO and config.beta:
            raise SettingsError(
                "two probabilities always correlate by 1 or -1, so with two classes this part has no gradient; set "
                "`beta: 0`, which leaves the correlation over subjects",
                field="beta",
            )
        if not config.beta and not config.gamma:
            raise SettingsError("`beta` and `gamma` are both 0, so nothing is compared; set one of them", field="gamma")

    def compare(self, student: Logits, teacher: Logits, batch: Batch) -> Float[Tensor, ""]:
        """The loss of the logits."""
        del batch
        return probability_correlation(
            student, teacher, beta=self.config.beta, gamma=self.config.gamma, tau=self.config.tau
        )
