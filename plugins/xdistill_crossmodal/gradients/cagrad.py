"""CAGrad."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from xdistill.interfaces import Settings
from xdistill_crossmodal.gradients.rule import GradientRule

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

Rescale = Literal["none", "squared", "linear"]
TINY = 1e-8


class ConflictAverse(GradientRule):
    r"""The update near the mean gradient that improves the term that improves least as much as possible.

    .. math::
        g_0 = \frac{1}{K} \sum_i g_i, \quad g_w = \sum_i w_i g_i, \quad
        w = \arg\min_{w \in \Delta} \langle g_w, g_0 \rangle + c \lVert g_0 \rVert \lVert g_w \rVert, \quad
        g = K\, r \left( g_0 + c \frac{\lVert g_0 \rVert}{\lVert g_w \rVert} g_w \right)

    with Δ the weights that are not negative and sum to one. After Liu et al., Conflict-averse gradient descent for
    multi-task learning, NeurIPS 2021. With c = 0, the ablation, it is the gradient of the objective.

    Inferred: as in the official code, the result is multiplied by the number of terms K, to match a sum of losses, and
    scaled by r = 1 / (1 + c²); ``rescale`` has the code's other choices. The minimum is found by sequential least
    squares (scipy), for gradients that are first divided by the size of the largest.
    """

    name = "cagrad"
    config: Config

    class Config(Settings):
        """How far from the mean gradient."""

        c: Annotated[float, Field(ge=0, lt=1)] = Field(
            default=0.5, description="radius around the mean gradient, as a share of its length"
        )
        rescale: Rescale = Field(default="squared", description="r: 1, 1 / (1 + c²) or 1 / (1 + c)")

    def combined(self, gradients: Float[Tensor, "terms numbers"], *, step: int) -> Float[Tensor, " numbers"]:
        """The conflict-averse gradient."""
        del step
        c, count = self.config.c, len(gradients)
        mean = gradients.mean(dim=0)
        inner = (gradients @ gradients.T).double().cpu().numpy()
        if not c or inner.max() <= TINY**2:
            return mean * count
        weights = torch.as_tensor(least_improved(inner / inner.max(), c), dtype=gradients.dtype).to(gradients.device)
        worst = weights @ gradients
        length = torch.linalg.vector_norm(worst)
        if length <= TINY * torch.linalg.vector_norm(mean):
            return mean * count * self._scale
        update: Tensor = mean + c * torch.linalg.vector_norm(mean) / length * worst
        return update * count * self._scale

    @property
    def _scale(self) -> float:
        c = self.config.c
        return {"none": 1.0, "squared": 1 / (1 + c**2), "linear": 1 / (1 + c)}[self.config.rescale]


def least_improved(inner: Numbers, c: float) -> Numbers:
    """The weights of the dual problem.

    Args:
        inner: products of the gradients with each other, ``(terms, terms)``.
        c: the radius.
    """
    import numpy as np
    from scipy.optimize import minimize

    count = len(inner)
    even = np.full(count, 1 / count)
    towards_mean = inner @ even
    mean_length = np.sqrt(max(float(even @ towards_mean), 0.0))

    def value(weights: Any) -> float:
        length = np.sqrt(max(float(weights @ inner @ weights), 0.0) + TINY**2)
        return float(weights @ towards_mean + c * mean_length * length)

    solve: Any = minimize  # its stubs accept no function of an array
    sums_to_one = {"type": "eq", "fun": lambda weights: weights.sum() - 1}
    exactly = {"ftol": 1e-12}
    found = solve(value, even, method="SLSQP", bounds=[(0, 1)] * count, constraints=sums_to_one, options=exactly)
    weights: Numbers = np.clip(found.x, 0, 1)
    weights /= weights.sum()
    return weights
