"""Attention: maps of mean squared activation."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from xdistill.errors import SettingsError
from xdistill.types import OutputSpec
from xdistill_losses.adapters import AdapterChoice, build_adapters
from xdistill_losses.base import Features, MapLoss
from xdistill_losses.numerics import unit
from xdistill_losses.taps import TapsConfig, check_lengths, check_positions, positions, rows, same_space

Map = Float[Tensor, "batch channels positions"]
Form = Literal["code", "paper"]


def attention(value: Map) -> Float[Tensor, "batch positions"]:
    """Squares, averaged over channels, as a vector of length one; a map of zeros stays zero."""
    return unit(value.square().mean(dim=1), dim=1)


def attention_transfer(student: Map, teacher: Map, *, form: Form = "code") -> Float[Tensor, ""]:
    """``code``: the mean squared difference of the maps; ``paper``: the mean over subjects of its length."""
    difference = attention(student) - attention(teacher)
    if form == "code":
        return difference.square().mean()
    lengths: Tensor = torch.linalg.vector_norm(difference, dim=1)
    return lengths.mean()


class AttentionTransfer(MapLoss):
    r"""The student's attention map is the teacher's.

    .. math::
        Q_p = \frac{1}{C} \sum_c F_{cp}^2, \quad \hat Q = Q / \lVert Q \rVert_2, \quad
        L_\text{code} = \frac{1}{BP} \sum_i \lVert \hat Q_{s,i} - \hat Q_{t,i} \rVert^2, \quad
        L_\text{paper} = \frac{1}{B} \sum_i \lVert \hat Q_{s,i} - \hat Q_{t,i} \rVert

    After Zagoruyko and Komodakis, Paying more attention to attention, ICLR 2017, equation 2. The authors' code squares
    and averages over the P positions; the paper takes the length itself, times β/2, which is left to the term's
    weight. A vector is one channel whose elements are the positions. Networks may differ in their channels.

    Raises:
        SettingsError: for vectors of different lengths, and for maps of one position.
    """

    name = "at"
    config: Config

    class Config(TapsConfig):
        """Which form."""

        form: Form = Field(default="code", description="the authors' code, or the paper's formula")

    def __init__(self, config: Config, *, student: OutputSpec, teacher: OutputSpec) -> None:
        super().__init__(config, student=student, teacher=teacher)
        check_lengths(self.pairs)
        check_positions(self.pairs)

    def compare(self, student: Features, teacher: Features, index: int) -> Float[Tensor, ""]:
        """The term of a tap."""
        del index
        ours, theirs = same_space(student, teacher)
        return attention_transfer(positions(ours), positions(theirs), form=self.config.form)


def factor_transfer(
    student: Float[Tensor, "batch elements"], teacher: Float[Tensor, "batch elements"]
) -> Float[Tensor, ""]:
    """The mean absolute difference of two factors."""
    return F.l1_loss(student, teacher)


class FactorTransfer(MapLoss):
    r"""Factors of the features, compared by their absolute difference.

    .. math::
        L = \frac{1}{BP} \sum_i \lVert \hat Q_{s,i} - \hat Q_{t,i} \rVert_1

    After Kim, Park and Kwak, Paraphrasing complex network: network compression via factor transfer, NeurIPS 2018,
    with p = 1. There the factors come from a paraphraser, which has to be trained on the teacher first, and
    a translator; here, as in public comparisons, a factor is the map of mean squared activation of unit length. With
    ``flat`` it is the feature map itself, all elements as one vector of unit length; then a linear adapter is learned
    where the numbers of channels differ.

    Raises:
        SettingsError: without ``flat``, for vectors of different lengths, maps of one position, and an adapter.
    """

    name = "ft"
    config: Config

    class Config(TapsConfig):
        """What a factor is."""

        flat: bool = Field(default=False, description="compare all elements, without squares and averages")
        adapter: AdapterChoice = Field(
            default="auto",
            description="with `flat`: a learned linear map of the student's channels to the teacher's, where their "
            "numbers differ (auto), always, or none",
        )

    def __init__(self, config: Config, *, student: OutputSpec, teacher: OutputSpec) -> None:
        super().__init__(config, student=student, teacher=teacher)
        if config.flat:
            self.adapters = build_adapters(self.pairs, config.adapter)
            return
        check_lengths(self.pairs)
        check_positions(self.pairs)
        if config.adapter == "always":
            raise SettingsError(
                "the squares are averaged over channels, so there is nothing to adapt; set `flat: true`, or leave out "
                "`adapter`",
                field="adapter",
            )

    def compare(self, student: Features, teacher: Features, index: int) -> Float[Tensor, ""]:
        """The term of a tap."""
        ours, theirs = same_space(student, teacher)
        if self.config.flat:
            ours = self.adapters[index](ours)
            return factor_transfer(unit(rows(ours), dim=1), unit(rows(theirs), dim=1))
        return factor_transfer(attention(positions(ours)), attention(positions(theirs)))
