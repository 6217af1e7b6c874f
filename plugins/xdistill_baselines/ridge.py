"""Linear functions with an L2 penalty: of numbers, and of the risk of an event."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from xdistill.errors import SettingsError
from xdistill.extras import require
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


class CoxRegression(LinearEstimator):
    """Cox's proportional hazards with an L2 penalty (Cox 1972; ties after Efron), as scikit-survival fits it.

    Inputs are standardised on the training subjects. For survival with ``method: cox``; needs the extra `survival`.
    """

    name = "cox_regression"
    tasks = ("survival",)

    class Config(Settings):
        """Strength of the penalty."""

        alpha: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
            default=1.0, description="strength of the penalty on large coefficients"
        )
        standardise: bool = Field(
            default=True, description="scale every input to mean 0 and standard deviation 1 on the training subjects"
        )

    config: Config  # type: ignore[assignment]  # of times, not of classes

    def fit(self, inputs: Float[Tensor, "subjects inputs"], target: Float[Tensor, "subjects 2"], *, seed: int) -> None:
        """Fit to times and events of all training subjects; nothing is random in it.

        Raises:
            SettingsError: for discrete time, or if the solver does not converge.
        """
        del seed
        if self.classes != 1:
            raise SettingsError(f"{self.name} gives one risk, and the task has {self.classes}; set `task.method: cox`")
        linear = require("sksurv.linear_model", extra="survival", purpose=f"the estimator `{self.name}`")
        self.learn_scale(inputs)
        times, events = array(target).T
        outcome = np.array(list(zip(events == 1, times, strict=True)), dtype=[("event", bool), ("time", np.float64)])
        solver = linear.CoxPHSurvivalAnalysis(alpha=self.config.alpha, ties="efron")
        try:
            solver.fit(array(self.standardised(inputs.to(self.mean.device))), outcome)
        except (ArithmeticError, ValueError) as error:
            raise SettingsError(f"{self.name} did not converge ({error}); raise `alpha`", field="alpha") from error
        self.weight.copy_(torch.from_numpy(solver.coef_[None]))

    def forward(self, inputs: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch risks"]:
        """Log hazards."""
        return self.scores(inputs)
