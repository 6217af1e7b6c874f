"""Contrastive distillation: a subject's two embeddings are similar, those of different subjects are not."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Annotated, Literal

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from xdistill.types import Batch, OutputSpec
from xdistill_losses.base import Features, TapLoss, labels
from xdistill_losses.numerics import full, unit
from xdistill_losses.taps import Shape, TapsConfig, channels

Embedded = Float[Tensor, "batch width"]
Negatives = Literal["others", "other_classes"]


def contrast(
    student: Embedded,
    teacher: Embedded,
    negative: Bool[Tensor, "batch batch"],
    *,
    temperature: float = 0.07,
    noise: float = 1.0,
) -> Float[Tensor, ""]:
    """``-log h_ii - sum over negatives j of log(1 - h_ij)``, mean over subjects, ``h = e^s / (e^s + noise)``.

    Args:
        student: embeddings of length one.
        teacher: embeddings of length one.
        negative: which teacher's embedding (column) is a negative of which subject (row).
        temperature: divides the cosines; s is the result.
        noise: the source's N / M.
    """
    scores = student @ teacher.T / temperature - log(noise)
    return -(F.logsigmoid(scores.diagonal()) + (F.logsigmoid(-scores) * negative).sum(dim=1)).mean()


class Embedding(nn.Module):
    """Features (of a map: averaged over its positions) in a linear map of a given width, of length one."""

    def __init__(self, shape: Shape, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(shape[0], width)

    def forward(self, value: Float[Tensor, "batch channels ..."]) -> Embedded:
        """Embed a batch."""
        averaged = channels(value).mean(dim=2).to(self.linear.weight.dtype)
        return unit(full(self.linear(averaged)), dim=1)


class Contrast(TapLoss):
    r"""The student's embedding of a subject matches the teacher's and differs from those of other subjects.

    .. math::
        h(t, s) = \frac{e^{g_t(t)^T g_s(s) / \tau}}{e^{g_t(t)^T g_s(s) / \tau} + N/M}, \quad
        L = -\frac{1}{B} \sum_i \Big( \log h(t_i, s_i) + \sum_{j \in \text{negatives}} \log(1 - h(t_j, s_i)) \Big)

    with linear embeddings g of unit length. After Tian, Krishnan and Isola, Contrastive representation distillation,
    ICLR 2020. The source draws N negatives from a memory of all M training subjects; here the
    negatives are the other subjects of the batch (``other_classes``: those of other classes, as in the authors' code),
    and N/M is the setting ``noise``. So it needs large batches. Both embeddings are trained and saved; no gradient
    reaches the teacher. Not zero at identity. A single subject has no negatives.
    """

    name = "crd"
    config: Config

    class Config(TapsConfig):
        """Embeddings and negatives."""

        width: Annotated[int, Field(ge=1)] = Field(default=128, description="length of the embeddings")
        temperature: Annotated[float, Field(gt=0)] = Field(default=0.07, description="tau, which divides the cosines")
        negatives: Negatives = Field(
            default="others", description="all other subjects of the batch, or those of other classes"
        )
        noise: Annotated[float, Field(gt=0)] = Field(
            default=1.0, description="N / M: negatives per subject, divided by the number of training subjects"
        )

    def __init__(self, config: Config, *, student: OutputSpec, teacher: OutputSpec) -> None:
        super().__init__(config, student=student, teacher=teacher)
        self.student_embeddings = nn.ModuleList(Embedding(pair.student, config.width) for pair in self.pairs)
        self.teacher_embeddings = nn.ModuleList(Embedding(pair.teacher, config.width) for pair in self.pairs)

    def terms(self, student: Sequence[Features], teacher: Sequence[Features], batch: Batch) -> list[Float[Tensor, ""]]:
        """One for each tap."""
        negative = self._negatives(student[0], batch)
        settings = {"temperature": self.config.temperature, "noise": self.config.noise}
        return [
            contrast(embed(ours), embed_teacher(theirs), negative, **settings)
            for ours, theirs, embed, embed_teacher in zip(
                student, teacher, self.student_embeddings, self.teacher_embeddings, strict=True
            )
        ]

    def _negatives(self, value: Features, batch: Batch) -> Bool[Tensor, "batch batch"]:
        if self.config.negatives == "other_classes":
            return of_other_classes(labels(batch))
        return ~torch.eye(len(value), dtype=torch.bool, device=value.device)


def of_other_classes(target: Int[Tensor, " batch"]) -> Bool[Tensor, "batch batch"]:
    """Which two subjects differ in class."""
    return target[:, None] != target
