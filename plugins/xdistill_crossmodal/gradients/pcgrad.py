"""PCGrad."""

from __future__ import annotations

from random import Random

from jaxtyping import Float
from torch import Tensor

from xdistill_crossmodal.gradients.rule import GradientRule


class ProjectedGradients(GradientRule):
    r"""Projects each term's gradient onto the normal plane of those that it conflicts with.

    .. math::
        g_i \leftarrow g_i - \frac{\langle g_i, g_j \rangle}{\lVert g_j \rVert^2} g_j
        \quad \text{for each } j \ne i \text{ with } \langle g_i, g_j \rangle < 0, \qquad g = \sum_i g_i

    After Yu et al., Gradient surgery for multi-task learning, NeurIPS 2020, algorithm 1: the other gradients, which are
    those before any projection, come in a random order. With two terms, such as a task loss and a distillation loss,
    there is no order. Without conflicts the sum is the gradient of the objective.

    Inferred: the gradients of the weighted terms are compared, so that the weights of the recipe count. The random
    order depends on the step alone.
    """

    name = "pcgrad"

    def combined(self, gradients: Float[Tensor, "terms numbers"], *, step: int) -> Float[Tensor, " numbers"]:
        """The sum of the projected gradients."""
        order, total = Random(step), gradients.new_zeros(gradients.shape[1])  # noqa: S311 - no secret is drawn
        for index, row in enumerate(gradients):
            projected = row
            for other in order.sample(range(len(gradients)), len(gradients)):
                length = gradients[other].square().sum()
                inner = projected @ gradients[other]
                if other != index and inner < 0:
                    projected = projected - inner / length * gradients[other]
            total = total + projected
        return total
