"""The teacher's probabilities as labels: plain, standardised, weighted, and combined with the true labels."""

from __future__ import annotations

from math import inf, log
from typing import Annotated

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Settings
from xdistill.types import Batch, OutputSpec
from xdistill_losses.base import LogitLoss, labels
from xdistill_losses.logits.divergence import Reduction, divergences, reduced
from xdistill_losses.numerics import TINY, full

Temperature = Annotated[float, Field(gt=0)]
Logits = Float[Tensor, "batch classes"]
TWO = 2


def standardised(logits: Logits) -> Logits:
    """Each subject's logits with mean zero and (unbiased) standard deviation one; constant ones become zeros."""
    centred = logits - logits.mean(dim=1, keepdim=True)
    deviation = logits.std(dim=1, keepdim=True)
    return centred / (deviation + 1e-7).masked_fill(deviation <= TINY, inf)


def soft_labels(
    student: Logits,
    teacher: Logits,
    *,
    temperature: float = 4.0,
    standardise: bool = False,
    confidence: bool = False,
    reduction: Reduction = "mean",
) -> Float[Tensor, ""]:
    """The divergence of a batch, mean or sum over subjects, always a sum over classes."""
    weight = certainty(teacher) if confidence else 1.0
    if standardise:
        student, teacher = standardised(student), standardised(teacher)
    return reduced(weight * divergences(student, teacher, temperature=temperature), reduction)


def certainty(teacher: Logits) -> Float[Tensor, " batch"]:
    """``1 - H(p) / log C`` of each subject's probabilities ``p`` at T = 1, divided by its mean over the batch.

    0 for a uniform prediction, largest for a certain one; all 1 if every prediction is uniform.
    """
    logs = F.log_softmax(full(teacher), dim=1)
    known = (1 + (logs.exp() * logs).sum(dim=1) / log(teacher.shape[1])).clamp(min=0)
    mean = known.mean()
    return known / mean if mean > TINY else torch.ones_like(known)


class SoftLabels(LogitLoss):
    r"""The divergence between softened class probabilities.

    .. math::
        p = \text{softmax}(z_t / T), \quad q = \text{softmax}(z_s / T), \quad
        L = \frac{T^2}{B} \sum_i \sum_c p_{ic} \log \frac{p_{ic}}{q_{ic}}

    After Hinton, Vinyals and Dean, Distilling the knowledge in a neural network, 2015: the factor T² keeps the
    gradient's size as T grows. A sum over classes, and the mean over subjects unless ``reduction: sum`` is set.

    ``standardise`` divides out each subject's mean and standard deviation of the logits first, after Sun et al.,
    Logit standardization in knowledge distillation, CVPR 2024, so that the student need not match the size of the
    teacher's logits. As in their code, the deviation is the unbiased one plus 1e-7; that of the population would amount
    to another temperature and weight. They take T = 2, and weight 9 with 0.1 for the labels. Two standardised logits
    are always the same two numbers, so it needs three classes.

    ``confidence`` weights each subject by how certain the teacher is: one minus the entropy of its probabilities at
    T = 1, in units of that of equal ones, divided by the mean over the batch. Use it where the teacher labels subjects
    that have no label. Kwon et al., Adaptive knowledge distillation based on entropy, ICASSP 2020, weight several
    teachers of a subject by their entropies; the weights of subjects are our form of it.

    Raises:
        SettingsError: for ``standardise`` with two classes.
    """

    name = "kd"
    tasks = ("classification",)
    config: Config

    class Config(Settings):
        """Settings of the divergence."""

        temperature: Temperature = Field(default=4.0, description="T, by which the logits are divided")
        standardise: bool = Field(
            default=False, description="bring each subject's logits to mean zero and deviation one first"
        )
        confidence: bool = Field(
            default=False,
            description="weight each subject by how certain the teacher is, with a mean of 1 over a batch",
        )
        reduction: Reduction = Field(default="mean", description="over the subjects of a batch")

    def __init__(self, config: Config, *, student: OutputSpec, teacher: OutputSpec) -> None:
        super().__init__(config, student=student, teacher=teacher)
        if config.standardise and student.outputs == TWO:
            raise SettingsError(
                "two standardised logits are always 0.71 and -0.71, so with two classes nothing is compared; leave out "
                "`standardise`",
                field="standardise",
            )

    def compare(self, student: Logits, teacher: Logits, batch: Batch) -> Float[Tensor, ""]:
        """The loss of the logits."""
        del batch
        return soft_labels(
            student,
            teacher,
            temperature=self.config.temperature,
            standardise=self.config.standardise,
            confidence=self.config.confidence,
            reduction=self.config.reduction,
        )


def weighted_soft_labels(
    student: Logits, teacher: Logits, target: Int[Tensor, " batch"], *, temperature: float = 2.0
) -> Float[Tensor, ""]:
    """Divergences weighted by ``1 - exp(-CE(student) / CE(teacher))``; no gradient flows through the weights."""
    ours, theirs = (F.cross_entropy(logits.detach(), target, reduction="none") for logits in (student, teacher))
    weight = 1 - (-ours / (theirs + 1e-7)).exp()
    return (weight * divergences(student, teacher, temperature=temperature)).mean()


class WeightedSoftLabels(LogitLoss):
    r"""Soft labels that count less for subjects that the student already classifies better than the teacher.

    .. math::
        w_i = 1 - \exp\left(-\frac{\text{CE}(y_i, z_{s,i})}{\text{CE}(y_i, z_{t,i})}\right), \quad
        L = \frac{T^2}{B} \sum_i w_i\, \text{KL}(p_i \Vert q_i)

    After Zhou et al., Rethinking soft labels for knowledge distillation: a bias-variance tradeoff perspective, ICLR
    2021. The cross entropies are those at T = 1, and the weights are constants to the gradient. The source has the
    cross entropy of soft labels in place of the divergence: the same gradient, but not zero at identity.
    """

    name = "wsld"
    tasks = ("classification",)
    config: Config

    class Config(Settings):
        """Settings of the divergence."""

        temperature: Temperature = Field(default=2.0, description="T, by which the logits are divided")

    def compare(self, student: Logits, teacher: Logits, batch: Batch) -> Float[Tensor, ""]:
        """The loss of the logits."""
        return weighted_soft_labels(student, teacher, labels(batch), temperature=self.config.temperature)


def generalized(
    student: Logits, teacher: Logits, target: Int[Tensor, " batch"], *, imitation: float, temperature: float
) -> Float[Tensor, ""]:
    """``(1 - lambda) CE(y, student) + lambda CE(softmax(teacher / T), student)``, mean over the batch."""
    soft = F.cross_entropy(student, F.softmax(teacher / temperature, dim=1))
    return (1 - imitation) * F.cross_entropy(student, target) + imitation * soft


class Generalized(LogitLoss):
    r"""Generalized distillation: a weighted sum of true labels and the teacher's soft labels.

    .. math::
        s_i = \text{softmax}(z_{t,i} / T), \quad
        L = \frac{1}{B} \sum_i (1 - \lambda)\, \text{CE}(y_i, z_{s,i}) + \lambda\, \text{CE}(s_i, z_{s,i})

    After Lopez-Paz, Bottou, Schölkopf and Vapnik, Unifying distillation and privileged information, ICLR 2016,
    equations 3 and 4. As there, the temperature softens the teacher alone and there is no factor T². The true labels
    are part of it, so the student needs no task loss. Not zero at identity.
    """

    name = "generalized"
    tasks = ("classification",)
    config: Config

    class Config(Settings):
        """Weight and temperature of the soft labels."""

        imitation: Annotated[float, Field(ge=0, le=1)] = Field(
            default=0.5, description="lambda, from 0 (true labels alone) to 1 (the teacher alone)"
        )
        temperature: Temperature = Field(default=1.0, description="T, by which the teacher's logits are divided")

    def compare(self, student: Logits, teacher: Logits, batch: Batch) -> Float[Tensor, ""]:
        """The loss of the logits."""
        return generalized(
            student,
            teacher,
            labels(batch),
            imitation=self.config.imitation,
            temperature=self.config.temperature,
        )
