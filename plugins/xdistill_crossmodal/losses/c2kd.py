"""C2KD: customised cross-modal distillation."""

from __future__ import annotations

from typing import Annotated

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Settings
from xdistill.interfaces.loss import DistillationLoss, check_taps
from xdistill.types import Batch, Output, OutputSpec
from xdistill_crossmodal.base import TWO, full, in_full_precision, labels, others

Logits = Float[Tensor, "batch classes"]


def kendall(first: Logits, second: Logits) -> Float[Tensor, " batch"]:
    """Kendall's rank correlation (tau-b) of each row; zero where all logits of a row are equal."""
    ours, theirs = ((value[:, :, None] - value[:, None, :]).sign() for value in (first, second))
    agree = (ours * theirs).sum(dim=(1, 2))
    pairs = (ours.square().sum(dim=(1, 2)) * theirs.square().sum(dim=(1, 2))).sqrt()
    return agree / pairs.clamp(min=1)


def divergence(teacher: Logits, student: Logits) -> Float[Tensor, " batch"]:
    """``KL(teacher || student)`` of each subject; the teacher's logits are a constant to the gradient."""
    aim, ours = F.log_softmax(teacher.detach(), dim=1), F.log_softmax(student, dim=1)
    return F.kl_div(ours, aim, reduction="none", log_target=True).sum(dim=1)


class Proxy(nn.Module):
    """A small classifier on a feature."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.layer = nn.Linear(width, width)
        self.head = nn.Linear(width, outputs)

    def forward(self, feature: Float[Tensor, "batch width ..."]) -> Logits:
        """Logits; maps are averaged over positions."""
        vector = feature.flatten(2).mean(dim=2) if feature.ndim > TWO else feature
        return full(self.head(F.leaky_relu(self.layer(vector.to(self.head.weight.dtype)))))


class CustomisedCrossmodal(DistillationLoss):
    r"""Distillation through two proxies, in both directions, of the subjects that both rank alike.

    A proxy is a small classifier on a network's feature. With z the logits of teacher t, student s and their proxies
    t', s', sg a constant to the gradient, and KL\ :sub:`n` over the classes other than the true one:

    .. math::
        L = \frac{1}{B} \sum_i \; & \text{KL}(\text{sg}\,t_i \Vert t'_i) + \text{KL}(\text{sg}\,t'_i \Vert t_i)
            + \text{KL}(\text{sg}\,s_i \Vert s'_i) + \text{KL}(\text{sg}\,s'_i \Vert s_i) \\
        & + m_i \left( \text{KL}_n(\text{sg}\,t'_i \Vert s'_i) + \text{KL}_n(\text{sg}\,s'_i \Vert t'_i) \right),
        \quad m_i = [\tau(t'_i, s'_i) > \tau_0]

    with Kendall's rank correlation τ over the classes (on-the-fly selection). After Huo et al., C2KD: bridging the
    modality gap for cross-modal knowledge distillation, CVPR 2024. Both networks are trained, each with its cross
    entropy: give the term ``detach_teacher: false``, and train teacher and student in the stage. ``threshold: null``
    and ``bidirectional: false`` are the ablations: all subjects pass; the teacher learns nothing from the student.

    Inferred: the official code sets the true class's logit to zero where the paper leaves the class out; it is left
    out. A proxy is two linear layers with a leaky ReLU between them, without the code's batch norm, so that a batch of
    one subject can be used. With two classes there is a single other class, so it needs three.

    Raises:
        SettingsError: for a tap that a network lacks, and for two classes.
    """

    name = "c2kd"
    tasks = ("classification",)
    config: Config

    class Config(Settings):
        """Where the proxies read, and which subjects pass."""

        taps: tuple[str, ...] = Field(
            min_length=1, max_length=1, description="the feature that the proxies read, such as the last hidden layer"
        )
        threshold: Annotated[float, Field(ge=-1, le=1)] | None = Field(
            default=0.0, description="subjects pass whose rank correlation is above it; null: all pass"
        )
        bidirectional: bool = Field(default=True, description="whether the teacher learns from the student as well")

    def __init__(self, config: Config, *, student: OutputSpec, teacher: OutputSpec) -> None:
        super().__init__(config, student=student, teacher=teacher)
        if student.outputs == TWO:
            raise SettingsError("with two classes there is a single other class, so nothing passes; use kd instead")
        (tap,) = config.taps
        for network, spec in (("student", student), ("teacher", teacher)):
            check_taps(config.taps, spec, network=network)
        self.student_proxy = Proxy(student.features[tap][0], student.outputs)
        self.teacher_proxy = Proxy(teacher.features[tap][0], teacher.outputs)

    def forward(self, student: Output, teacher: Output, batch: Batch) -> Float[Tensor, ""]:
        """The sum of the six terms."""
        (tap,) = self.config.taps
        with in_full_precision(student.logits):
            ours, theirs = full(student.logits), full(teacher.logits)
            ours_proxy, theirs_proxy = (
                self.student_proxy(full(student.features[tap])),
                self.teacher_proxy(full(teacher.features[tap])),
            )
            within = divergence(ours, ours_proxy) + divergence(ours_proxy, ours) + divergence(theirs, theirs_proxy)
            across = self._across(ours_proxy, theirs_proxy, labels(batch))
            if self.config.bidirectional:
                within = within + divergence(theirs_proxy, theirs)
            return (within + across).mean()

    def _across(self, student: Logits, teacher: Logits, target: Int[Tensor, " batch"]) -> Float[Tensor, " batch"]:
        """Between the proxies, over the other classes; zero for subjects that do not pass."""
        ours, theirs = others(student, target), others(teacher, target)
        terms = divergence(theirs, ours)
        if self.config.bidirectional:
            terms = terms + divergence(ours, theirs)
        if self.config.threshold is None:
            return terms
        passes = kendall(student.detach(), teacher.detach()) > self.config.threshold
        return torch.where(passes, terms, 0.0)
