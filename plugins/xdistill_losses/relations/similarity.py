"""Similarities between the subjects of a batch: as probabilities, and by kernels."""

from __future__ import annotations

from math import exp, factorial
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from xdistill.errors import SettingsError
from xdistill.types import OutputSpec
from xdistill_losses.adapters import AdapterChoice, build_adapters
from xdistill_losses.base import EachTapLoss, Features
from xdistill_losses.numerics import nothing, unit
from xdistill_losses.taps import TapsConfig, check_axes, rows, same_space

Rows = Float[Tensor, "batch width"]
Kernel = Literal["linear", "bilinear", "rbf"]
SMALL = 1e-7


def neighbourhoods(features: Rows) -> Float[Tensor, "batch batch"]:
    """``(cosine + 1) / 2`` of each two subjects, each row divided by its sum, in which the half cancels."""
    directions = unit(features, dim=1)
    likeness = directions @ directions.T + 1
    return likeness / likeness.sum(dim=1, keepdim=True)


def probabilistic_transfer(student: Rows, teacher: Rows) -> Float[Tensor, ""]:
    """The divergence of both neighbourhoods, divided by the squared batch size."""
    ours, theirs = neighbourhoods(student), neighbourhoods(teacher)
    return (theirs * ((theirs + SMALL) / (ours + SMALL)).log()).mean()


class ProbabilisticTransfer(EachTapLoss):
    r"""Probabilities of subjects to be neighbours match the teacher's.

    .. math::
        k_{ij} = \tfrac{1}{2} (\cos(f_i, f_j) + 1), \quad p_{ij} = k_{ij} / \textstyle\sum_k k_{ik}, \quad
        L = \frac{1}{B^2} \sum_{ij} p^t_{ij} \log \frac{p^t_{ij} + \epsilon}{p^s_{ij} + \epsilon}

    with ε = 10⁻⁷. After Passalis and Tefas, Learning deep representations with probabilistic knowledge transfer, ECCV
    2018; the mean over all B² pairs, a subject with itself included, is that of its code. Features of
    a map are taken as one long vector, and the networks may differ in their shapes. Zero for a single subject.
    """

    name = "pkt"

    def compare(self, student: Features, teacher: Features, index: int) -> Float[Tensor, ""]:
        """The term of a tap."""
        del index
        return probabilistic_transfer(rows(student), rows(teacher))


def neighbouring_differences(student: Rows, teacher: Rows) -> Float[Tensor, ""]:
    """The mean over i of ``|f_s - f_t|_i . |f_s - f_t|_(i+1)``; a single subject has no neighbour: zero."""
    if len(student) == 1:
        return nothing(student)
    gap = (student - teacher).abs()
    return (gap[:-1] * gap[1:]).sum(dim=1).mean()


def radial(features: Rows, *, gamma: float, order: int) -> Float[Tensor, "batch batch"]:
    """``exp(-gamma |f_i - f_j|^2)`` of unit vectors, ``exp(2 gamma cosine)`` as its Taylor polynomial."""
    directions = unit(features, dim=1)
    cosines = directions @ directions.T
    terms = [exp(-2 * gamma) * (2 * gamma) ** power / factorial(power) for power in range(order + 1)]
    total = torch.full_like(cosines, terms[-1])
    for term in reversed(terms[:-1]):
        total = total * cosines + term
    return total


def kernel_congruence(
    student: Rows, teacher: Rows, *, kernel: Kernel = "rbf", gamma: float = 0.4, order: int = 2
) -> Float[Tensor, ""]:
    """The mean squared difference of the subjects' kernel matrices."""
    if kernel == "bilinear":
        return F.mse_loss(student @ student.T, teacher @ teacher.T)
    return F.mse_loss(radial(student, gamma=gamma, order=order), radial(teacher, gamma=gamma, order=order))


class CorrelationCongruence(EachTapLoss):
    r"""Correlations between subjects are congruent with the teacher's.

    .. math::
        L_\text{bilinear,\,rbf} = \frac{1}{B^2} \lVert K(F_s) - K(F_t) \rVert_F^2, \quad
        K_\text{bilinear} = F F^T, \quad
        K_\text{rbf} = e^{-2\gamma} \sum_{p=0}^{P} \frac{(2\gamma)^p}{p!} \cos(f_i, f_j)^p

    .. math::
        L_\text{linear} = \frac{1}{B - 1} \sum_i \delta_i^T \delta_{i+1}, \quad \delta = \lvert F_s - F_t \rvert

    After Peng et al., Correlation congruence for knowledge distillation, ICCV 2019. ``bilinear`` and ``rbf`` are
    the paper's kernels (a Gaussian of unit vectors, expanded to order P); they let the networks
    differ in their shapes. ``linear``, the default, is what a widely used public collection calls CC: products of the
    differences of subjects that follow each other, which depends on the order of the batch and needs equal lengths, so
    that the student is adapted where its channels differ. It is zero for a single subject.

    Raises:
        SettingsError: with ``linear``, for shapes that do not fit; with other kernels, for an adapter.
    """

    name = "cc"
    config: Config

    class Config(TapsConfig):
        """Which correlation."""

        kernel: Kernel = Field(default="linear", description="linear: public code; bilinear, rbf: the paper's")
        gamma: Annotated[float, Field(gt=0)] = Field(default=0.4, description="of the rbf kernel")
        order: Annotated[int, Field(ge=1, le=16)] = Field(default=2, description="of the rbf kernel's expansion")
        adapter: AdapterChoice = Field(
            default="auto",
            description="with `linear`: a learned linear map of the student's channels to the teacher's, where their "
            "numbers differ (auto), always, or none",
        )

    def __init__(self, config: Config, *, student: OutputSpec, teacher: OutputSpec) -> None:
        super().__init__(config, student=student, teacher=teacher)
        self.adapters = nn.ModuleList()
        if config.kernel == "linear":
            check_axes(self.pairs)
            self.adapters = build_adapters(self.pairs, config.adapter)
        elif config.adapter == "always":
            raise SettingsError(
                f"the kernel {config.kernel!r} compares subjects with subjects, so there is nothing to adapt; leave "
                f"out `adapter`",
                field="adapter",
            )

    def compare(self, student: Features, teacher: Features, index: int) -> Float[Tensor, ""]:
        """The term of a tap."""
        if self.config.kernel == "linear":
            ours, theirs = same_space(student, teacher)
            return neighbouring_differences(rows(self.adapters[index](ours)), rows(theirs))
        return kernel_congruence(
            rows(student),
            rows(teacher),
            kernel=self.config.kernel,
            gamma=self.config.gamma,
            order=self.config.order,
        )
