"""Ridge regression."""

from __future__ import annotations

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from xdistill.interfaces.component import Settings
from xdistill_baselines.linear import LinearEstimator, array


class Ridge(LinearEstimator):
    """Linear regression with an L2 penalty (Hoerl and Kennard 1970), as scikit-learn fits it.

    Inputs and targets are standardised on the training subjects.
    """

    name = "ridge"
    tasks = ("regression",)

    class Config(Settings):
        """Strength of the penalty."""

        alpha: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
            default=1.0, description="strength of the penalty on large coefficients"
        )
        standardise: bool = Field(
            default=True, description="scale every input to mean 0 and standard deviation 1 on the training subjects"
        )

    config: Config  # type: ignore[assignment]  # of numbers, not of classes

    def fit(
        self, inputs: Float[Tensor, "subjects inputs"], target: Float[Tensor, "subjects targets"], *, seed: int
    ) -> None:
        """Fit to all training subjects; nothing is random in it."""
        from sklearn.linear_model import Ridge as Solver

        del seed
        self.learn_scale(inputs)
        solver = Solver(alpha=self.config.alpha)
        solver.fit(array(self.standardised(inputs.to(self.mean.device))), array(target))
        self.weight.copy_(torch.from_numpy(solver.coef_.reshape(self.weight.shape)))
        self.bias.copy_(torch.from_numpy(solver.intercept_.reshape(self.bias.shape)))

    def forward(self, inputs: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch targets"]:
        """Standardised targets."""
        return self.scores(inputs)
