"""Relational distillation: distances and angles between the subjects of a batch."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from xdistill.errors import SettingsError
from xdistill.types import OutputSpec
from xdistill_losses.base import EachTapLoss, Features
from xdistill_losses.numerics import distances, nothing, unit
from xdistill_losses.taps import TapsConfig, rows

Rows = Float[Tensor, "batch width"]
Weight = Annotated[float, Field(ge=0)]
# Elements of one intermediate tensor, 64 MB in float32; larger batches are computed in blocks.
MOST_NUMBERS = 2**24


def relative_distances(features: Rows) -> Float[Tensor, "batch batch"]:
    """Distances between subjects, divided by the mean of the positive ones."""
    found = distances(features)
    positive = (found > 0).sum().clamp(min=1)
    return found / (found.sum() / positive).clamp(min=torch.finfo(found.dtype).tiny)


def distance_relations(student: Rows, teacher: Rows) -> Float[Tensor, ""]:
    """The smooth L1 distance of relative distances, mean over all B^2 pairs; a single subject has none."""
    return F.smooth_l1_loss(relative_distances(student), relative_distances(teacher))


def angles(features: Rows, first: int, last: int) -> Float[Tensor, "anchors batch batch"]:
    """Cosines of the angles at subjects ``first`` to ``last`` between each two of the batch.

    Where two subjects coincide there is no angle: the cosine is zero.
    """
    directions = unit(features - features[first:last, None], dim=2)
    return directions @ directions.transpose(1, 2)


def angle_gap(student: Rows, teacher: Rows, first: int, last: int) -> Float[Tensor, ""]:
    """The smooth L1 distance of these cosines, summed."""
    return F.smooth_l1_loss(angles(student, first, last), angles(teacher, first, last), reduction="sum")


class AngleGaps(torch.autograd.Function):
    """The sum of `angle_gap` over blocks; each block's gradient is computed with its value, to free its tensors."""

    @staticmethod
    def forward(context: Any, student: Rows, teacher: Rows, block: int) -> Float[Tensor, ""]:
        """The value; saves the gradients of the inputs that need one."""
        leaves = [
            value.detach().requires_grad_(needed)
            for value, needed in zip((student, teacher), context.needs_input_grad, strict=False)
        ]
        learned = [leaf for leaf in leaves if leaf.requires_grad]
        slopes = [torch.zeros_like(leaf) for leaf in learned]
        total = student.new_zeros(())
        for first in range(0, len(student), block):
            with torch.enable_grad():
                part = angle_gap(leaves[0], leaves[1], first, first + block)
            total += part.detach()
            for slope, more in zip(slopes, torch.autograd.grad(part, learned) if learned else (), strict=True):
                slope.add_(more)
        context.save_for_backward(*slopes)
        return total

    @staticmethod
    @once_differentiable
    def backward(context: Any, *above: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        """Both gradients, None where none is needed."""
        slopes = iter(context.saved_tensors)
        student, teacher = (above[0] * next(slopes) if needed else None for needed in context.needs_input_grad[:2])
        return student, teacher, None


def angle_relations(student: Rows, teacher: Rows, *, most_numbers: int = MOST_NUMBERS) -> Float[Tensor, ""]:
    """The smooth L1 distance of the cosines, mean over all B^3 triplets; a single subject has none.

    Where B^3 cosines, or the B^2 directions, would be more than ``most_numbers``, vertices are processed in blocks:
    memory stays near that limit, and the value is the same.
    """
    batch = student.shape[0]
    width = max(batch, student.shape[1], teacher.shape[1])
    block = max(1, most_numbers // (batch * width))
    if block >= batch:
        return angle_gap(student, teacher, 0, batch) / batch**3
    total: Tensor = AngleGaps.apply(student, teacher, block)  # type: ignore[no-untyped-call]  # torch has no type
    return total / batch**3


class Relations(EachTapLoss):
    r"""Distances and angles between subjects match the teacher's.

    .. math::
        \psi_D(i, j) = \frac{\lVert f_i - f_j \rVert}{\mu}, \quad
        \psi_A(i, j, k) = \cos \angle (f_j, f_i, f_k), \quad
        L = w_D\, \overline{l_\delta(\psi_D^s, \psi_D^t)} + w_A\, \overline{l_\delta(\psi_A^s, \psi_A^t)}

    with the mean μ of the positive distances and the Huber loss (smooth L1, δ = 1), averaged over all B² pairs and all
    B³ triplets, those of a subject with itself included. After Park et al., Relational knowledge distillation, CVPR
    2019; the weights 1 and 2 are the source's. Features of a map are taken as one long vector, and the networks may
    differ in their shapes. A single subject has no relations: the loss is then zero.

    Raises:
        SettingsError: when both weights are zero.
    """

    name = "rkd"
    config: Config

    class Config(TapsConfig):
        """Which relations."""

        distance: Weight = Field(default=1.0, description="weight of the distances; 0 leaves them out")
        angle: Weight = Field(default=2.0, description="weight of the angles; 0 leaves them out")
        l2: bool = Field(default=False, description="divide each subject's features by their length first")

    def __init__(self, config: Config, *, student: OutputSpec, teacher: OutputSpec) -> None:
        super().__init__(config, student=student, teacher=teacher)
        if not config.distance and not config.angle:
            raise SettingsError(
                "`distance` and `angle` are both 0, so nothing is compared; set one of them", field="distance"
            )

    def compare(self, student: Features, teacher: Features, index: int) -> Float[Tensor, ""]:
        """The term of a tap."""
        del index
        ours, theirs = rows(student), rows(teacher)
        if len(ours) == 1:
            return nothing(ours)
        if self.config.l2:
            ours, theirs = unit(ours, dim=1), unit(theirs, dim=1)
        terms = []
        if self.config.distance:
            terms.append(self.config.distance * distance_relations(ours, theirs))
        if self.config.angle:
            terms.append(self.config.angle * angle_relations(ours, theirs))
        return sum(terms[1:], terms[0])
