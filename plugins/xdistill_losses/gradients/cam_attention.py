"""Attention from gradients: which positions of a map speak for a class."""

from __future__ import annotations

from typing import Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from xdistill.errors import SettingsError
from xdistill.types import Batch, Output, OutputSpec
from xdistill_losses.base import MapLoss
from xdistill_losses.gradients.derivatives import Scored, gradients_of, scored_classes
from xdistill_losses.numerics import full, in_full_precision, unit
from xdistill_losses.taps import Taps, TapsConfig, check_positions, rows, same_space

Form = Literal["cam", "gradient"]
Map = Float[Tensor, "batch channels *space"]


def class_activation(value: Map, gradient: Map) -> Float[Tensor, "batch 1 *space"]:
    """Channels weighted by their mean gradient and summed, without the negative part (Grad-CAM)."""
    weight = gradient.mean(dim=tuple(range(2, gradient.ndim)), keepdim=True)
    return F.relu((weight * value).sum(dim=1, keepdim=True))


def gradient_attention(gradient: Map) -> Float[Tensor, "batch 1 *space"]:
    """The squared gradient, averaged over channels."""
    return gradient.square().mean(dim=1, keepdim=True)


class ClassAttention(MapLoss):
    r"""The positions that speak for the true class should be the teacher's.

    .. math::
        \alpha_c = \frac{1}{P} \sum_p \frac{\partial z_y}{\partial F_{cp}}, \quad
        M_\text{cam} = \max\Big(0, \sum_c \alpha_c F_c\Big), \quad
        M_\text{gradient} = \frac{1}{C} \sum_c \Big(\frac{\partial z_y}{\partial F_c}\Big)^2, \quad
        L = \frac{1}{BP} \sum_i \left\lVert \frac{M_{s,i}}{\lVert M_{s,i} \rVert_2}
        - \frac{M_{t,i}}{\lVert M_{t,i} \rVert_2} \right\rVert_2^2

    After Zagoruyko and Komodakis, Paying more attention to attention, ICLR 2017, section 3.2: gradient-based
    attention transfer, which differentiates the loss through the gradients of the networks. The map of ``form: cam`` is
    that of Selvaraju et al., Grad-CAM, ICCV 2017.

    From the sources: matching of gradients by double backpropagation; weights, sum and ReLU of Grad-CAM. Inferred:
    gradients of the true class's logit with respect to a feature, where Zagoruyko and Komodakis take those of the
    classification loss with respect to the input image; maps of unit length and the mean over subjects and
    positions, both as in `at`.

    Numbers of channels may differ; maps of different sizes are averaged to the smaller. No gradient reaches the
    teacher. A map of zeros, such as one in which nothing speaks for the class, stays zero and gets no gradient.

    Raises:
        SettingsError: for vectors, for maps of one position, and for taps that the logits of a network do not depend
            on.
    """

    name = "cam_attention"
    needs_grad = True
    config: Config

    class Config(TapsConfig):
        """Which class, and which map."""

        taps: Taps = Field(
            description="maps that the logits are computed from; one term per map, summed", examples=[["hbp.map"]]
        )
        of: Scored = Field(
            default="target", description="differentiate the logit of the true class, or of the teacher's prediction"
        )
        form: Form = Field(
            default="cam", description="class activation map of Grad-CAM, or mean squared gradient over channels"
        )

    def __init__(self, config: Config, *, student: OutputSpec, teacher: OutputSpec) -> None:
        super().__init__(config, student=student, teacher=teacher)
        for pair in self.pairs:
            if pair.is_vector:
                raise SettingsError(
                    f"{pair.shown()}; class activation maps need positions. Name a tap that is a map, or use jacobian",
                    field="taps",
                )
        check_positions(self.pairs)

    def forward(self, student: Output, teacher: Output, batch: Batch) -> Float[Tensor, ""]:
        """The sum of the terms."""
        classes = scored_classes(self.config.of, teacher, batch)
        with in_full_precision(student.logits):
            ours = self._maps(student, classes, network="student")
            theirs = self._maps(teacher, classes, network="teacher")
            terms = [self.compare(*pair, index) for index, pair in enumerate(zip(ours, theirs, strict=True))]
            return sum(terms[1:], terms[0])

    def compare(
        self, student: Float[Tensor, "batch 1 ..."], teacher: Float[Tensor, "batch 1 ..."], index: int
    ) -> Float[Tensor, ""]:
        """The term of a tap, from both maps."""
        del index
        ours, theirs = same_space(student, teacher)
        return (unit(rows(ours), dim=1) - unit(rows(theirs), dim=1)).square().mean()

    def _maps(self, output: Output, classes: Tensor, *, network: str) -> list[Float[Tensor, "batch 1 ..."]]:
        values = {tap: output.features[tap] for tap in self.config.taps}
        gradients = gradients_of(output, classes, values, network=network, field="taps")
        if network == "teacher":
            values = {tap: value.detach() for tap, value in values.items()}
        if self.config.form == "gradient":
            return [gradient_attention(full(gradients[tap])) for tap in self.config.taps]
        return [class_activation(full(values[tap]), full(gradients[tap])) for tap in self.config.taps]
