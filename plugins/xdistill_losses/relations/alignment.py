"""Centred kernel alignment of the features of teacher and student."""

from __future__ import annotations

from math import inf
from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from xdistill_losses.base import EachTapLoss, Features
from xdistill_losses.numerics import TINY, nothing, unit
from xdistill_losses.taps import TapsConfig, rows

Rows = Float[Tensor, "batch width"]
Of = Literal["features", "relations"]


def centred_gram(features: Rows) -> Float[Tensor, "batch batch"]:
    """``H F F^T H``, where H subtracts the mean."""
    centred = features - features.mean(dim=0)
    return centred @ centred.T


def relations(features: Rows) -> Float[Tensor, "batch batch"]:
    """The cosines of each subject with all of the batch."""
    directions = unit(features, dim=1)
    return directions @ directions.T


def alignment(student: Rows, teacher: Rows) -> Float[Tensor, ""]:
    """Linear CKA, from 0 (unrelated) to 1 (equal up to rotation, scale and offset).

    Features that are equal for all subjects align with nothing and get no gradient.
    """
    ours, theirs = centred_gram(student), centred_gram(teacher)
    norms = torch.linalg.vector_norm(ours) * torch.linalg.vector_norm(theirs)
    aligned: Tensor = (ours * theirs).sum() / norms.masked_fill(norms <= TINY**3, inf)
    return aligned


class KernelAlignment(EachTapLoss):
    r"""One minus the centred kernel alignment of student and teacher.

    .. math::
        K = H F F^T H, \quad H = I - \tfrac{1}{B} 1 1^T, \quad
        L = 1 - \frac{\langle K_s, K_t \rangle}{\lVert K_s \rVert_F \lVert K_t \rVert_F}

    After Kornblith et al., Similarity of neural network representations revisited, ICML 2019 (linear
    CKA), as a loss in the manner of Zhou et al., Rethinking centered kernel alignment in knowledge distillation, IJCAI
    2024. ``of: features`` aligns the features up to rotation, scale and offset;
    ``of: relations`` describes each subject by its cosines with all of the batch and aligns these, which leaves the
    lengths of the features free as well. Shapes may differ. Zero for a single subject; two subjects that differ always
    align fully.
    """

    name = "cka"
    config: Config

    class Config(TapsConfig):
        """What is aligned."""

        of: Of = Field(default="features", description="the features, or the subjects' cosines with each other")

    def compare(self, student: Features, teacher: Features, index: int) -> Float[Tensor, ""]:
        """The term of a tap."""
        del index
        ours, theirs = rows(student), rows(teacher)
        if len(ours) == 1:
            return nothing(ours)
        if self.config.of == "relations":
            ours, theirs = relations(ours), relations(theirs)
        return 1 - alignment(ours, theirs)
