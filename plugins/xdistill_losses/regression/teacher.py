"""Losses of regression between student and teacher: the teacher as a target, and as a bound."""

from __future__ import annotations

from typing import Annotated, ClassVar

from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from xdistill.interfaces.component import Settings
from xdistill.types import Batch
from xdistill_losses.base import LogitLoss
from xdistill_losses.regression.targets import targets_of

Values = Float[Tensor, "batch targets"]


class Imitation(LogitLoss):
    """The teacher's outputs as targets: mean squared difference over subjects and targets.

    What soft labels are for classes; needs no target, so subjects without one count too.
    """

    name = "prediction_mse"
    tasks: ClassVar[tuple[str, ...]] = ("regression",)

    class Config(Settings):
        """No settings."""

    def compare(self, student: Values, teacher: Values, batch: Batch) -> Float[Tensor, ""]:
        """The loss of the outputs."""
        del batch
        return F.mse_loss(student, teacher)


def teacher_bounded(student: Values, teacher: Values, target: Values, *, margin: float = 0.0) -> Float[Tensor, ""]:
    """The student's squared error, of subjects for whom it is not better than the teacher's by the margin."""
    ours, theirs = ((values - target).square().sum(dim=1) for values in (student, teacher))
    return ours.where(ours + margin > theirs, ours.new_zeros(())).mean()


class TeacherBounded(LogitLoss):
    r"""The student's squared error where it is larger than the teacher's, and nothing where it is smaller.

    .. math::
        L = \frac{1}{B} \sum_i \begin{cases} \lVert s_i - y_i \rVert^2 & \text{if } \lVert s_i - y_i \rVert^2 + m >
        \lVert t_i - y_i \rVert^2 \\ 0 & \text{otherwise} \end{cases}

    After Chen et al., Learning efficient object detection models with knowledge distillation, NeurIPS 2017, section
    3.3: a teacher's regression can point the wrong way, so it is a bound to reach and not a value to copy. They add it
    to a task loss with weight 0.5. Not zero at identity.
    """

    name = "teacher_bounded"
    tasks: ClassVar[tuple[str, ...]] = ("regression",)
    config: Config

    class Config(Settings):
        """The margin."""

        margin: Annotated[float, Field(ge=0)] = Field(
            default=0.0,
            description="m, by which a squared error must be smaller than the teacher's for the loss to be zero",
        )

    def compare(self, student: Values, teacher: Values, batch: Batch) -> Float[Tensor, ""]:
        """The loss of the outputs."""
        return teacher_bounded(student, teacher, targets_of(batch, student), margin=self.config.margin)
