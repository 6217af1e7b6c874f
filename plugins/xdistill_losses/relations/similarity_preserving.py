"""Similarity-preserving distillation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from xdistill.types import Batch
from xdistill_losses.base import Features, TapLoss
from xdistill_losses.numerics import full, in_full_precision
from xdistill_losses.taps import Taps, TapsConfig
from xdistill_losses.taps import rows as flat

Rows = Literal["l2", "l1"]
_ORDER: dict[Rows, int] = {"l2": 2, "l1": 1}


def similarities(features: Float[Tensor, "batch width"], *, rows: Rows = "l2") -> Float[Tensor, "batch batch"]:
    """``F F^T`` with every row divided by its norm: how similar each subject is to each of the batch."""
    # Sums of squares in half precision overflow, or round away the differences between subjects.
    with in_full_precision(features):
        exact = full(features)
        return F.normalize(exact @ exact.T, p=_ORDER[rows], dim=1)


def similarity_preserving(
    student: Float[Tensor, "batch _"], teacher: Float[Tensor, "batch _"], *, rows: Rows = "l2"
) -> Float[Tensor, ""]:
    """The squared Frobenius norm of the difference of the similarities, divided by the squared batch size."""
    difference = similarities(teacher, rows=rows) - similarities(student, rows=rows)
    return difference.square().sum() / student.shape[0] ** 2


class SimilarityPreserving(TapLoss):
    r"""Similarities between subjects are the teacher's.

    .. math::
        G = F F^T, \quad \hat G_{i} = G_{i} / \lVert G_{i} \rVert_2, \quad
        L = \lVert \hat G_t - \hat G_s \rVert_F^2 / B^2

    After Tung and Mori, Similarity-preserving knowledge distillation, ICCV 2019.

    From the source: the matrices, their row-wise L2 norm, the factor 1 / B². F holds one row per subject; teacher
    and student may differ in its length. Inferred: that F is the concatenation of the branches' vectors.
    The value depends on the batch size, so leave short batches out (``loader.drop_last: true``).
    """

    name = "sp"
    config: Config

    class Config(TapsConfig):
        """Which features."""

        taps: Taps = Field(description="features of a subject, concatenated, such as the names of the branches")
        rows: Rows = Field(default="l2", description="the norm by which each row of the similarities is divided")

    def terms(self, student: Sequence[Features], teacher: Sequence[Features], batch: Batch) -> list[Float[Tensor, ""]]:
        """One for all taps together."""
        del batch
        ours, theirs = (torch.cat([flat(value) for value in values], dim=1) for values in (student, teacher))
        return [similarity_preserving(ours, theirs, rows=self.config.rows)]
