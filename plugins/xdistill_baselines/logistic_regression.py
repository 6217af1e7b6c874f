"""Logistic regression."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from xdistill_baselines.linear import SEEDS, LinearConfig, LinearEstimator, array, converging


class LogisticRegression(LinearEstimator):
    """Multinomial logistic regression with an L2 penalty, as scikit-learn fits it.

    The softmax of its logits is scikit-learn's ``predict_proba``. Inputs are standardised on the training subjects.
    """

    name = "logistic_regression"
    config: Config

    class Config(LinearConfig):
        """Strength of the penalty, weights of the classes."""

    def fit(self, inputs: Float[Tensor, "subjects inputs"], target: Int[Tensor, " subjects"], *, seed: int) -> None:
        """Fit to all training subjects.

        Raises:
            SettingsError: if the solver does not converge.
        """
        from sklearn.linear_model import LogisticRegression as Solver

        self.learn_scale(inputs)
        solver = Solver(
            C=self.config.C,
            class_weight=self.config.class_weight,
            max_iter=self.config.max_iterations,
            tol=1e-6,
            random_state=seed % SEEDS,
        )
        standardised = self.standardised(inputs.to(self.mean.device))
        with converging(self.name):
            solver.fit(array(standardised), target.cpu().numpy())
        weight, bias = torch.from_numpy(solver.coef_), torch.from_numpy(solver.intercept_)
        if len(bias) == 1:  # of two classes scikit-learn scores the second alone
            weight, bias = torch.cat([torch.zeros_like(weight), weight]), torch.cat([torch.zeros_like(bias), bias])
        self.weight.copy_(weight)
        self.bias.copy_(bias)

    def forward(self, inputs: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch classes"]:
        """Logits; a softmax makes them probabilities."""
        return self.scores(inputs)
