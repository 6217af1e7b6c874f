"""The distance of logits."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from xdistill.types import Batch
from xdistill_crossmodal.base import LogitLoss

Logits = Float[Tensor, "batch classes"]


class LogitDistance(LogitLoss):
    r"""The mean squared difference of the logits.

    .. math:: L = \frac{1}{BC} \lVert z_s - z_t \rVert^2

    After Ba and Caruana, Do deep nets really need to be deep?, NIPS 2014. With ``detach_teacher: false`` it draws two
    networks together that are trained at once: the distance in step 1 of algorithm 1 of Xue et al., The modality
    focusing hypothesis, ICLR 2023.

    Inferred: a mean over subjects and classes, as in the official code of the latter.
    """

    name = "logit_distance"

    def compare(self, student: Logits, teacher: Logits, batch: Batch) -> Float[Tensor, ""]:
        """The loss of the logits."""
        del batch
        return F.mse_loss(student, teacher)
