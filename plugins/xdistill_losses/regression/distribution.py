"""The distribution of a batch's predictions, compared between student and teacher."""

from __future__ import annotations

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from xdistill.interfaces.component import Settings
from xdistill.types import Batch
from xdistill_losses.base import LogitLoss

Values = Float[Tensor, "batch targets"]


def distribution_matching(student: Values, teacher: Values) -> Float[Tensor, ""]:
    """Squared 2-Wasserstein distance of each target's predictions in the batch, the mean over targets."""
    return F.mse_loss(student.sort(dim=0).values, teacher.sort(dim=0).values)


class DistributionMatching(LogitLoss):
    r"""The predictions of a batch have the distribution of the teacher's.

    .. math::
        L = \frac{1}{B} \sum_i \big( s_{(i)} - t_{(i)} \big)^2

    with the predictions of the batch in ascending order, the mean over targets: the squared 2-Wasserstein distance of
    two samples on a line (Peyré and Cuturi, Computational optimal transport, 2019, remark 2.28). A student that sees
    less predicts too close to the mean; this keeps the spread of the teacher's predictions and leaves their order to
    the task loss. Add one, and take batches of some size.
    """

    name = "distribution_matching"
    tasks: ClassVar[tuple[str, ...]] = ("regression",)

    class Config(Settings):
        """No settings."""

    def compare(self, student: Values, teacher: Values, batch: Batch) -> Float[Tensor, ""]:
        """The loss of the outputs."""
        del batch
        return distribution_matching(student, teacher)
