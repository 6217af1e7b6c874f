"""Logistic regression."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Shaped
from numpy.typing import NDArray
from torch import Tensor

from xdistill_baselines.linear import SEEDS, LinearConfig, LinearEstimator, array, converging


class LogisticRegression(LinearEstimator):
    """Multinomial logistic regression with an L2 penalty, as scikit-learn fits it.

    The softmax of its logits is scikit-learn's ``predict_proba``. Inputs are standardised on the training subjects. Of
    several labels each has a regression of its own. Of grades, the k-th tells those above grade k from the others,
    among the subjects who are not below it: conditional probabilities, as CORN has them.
    """

    name = "logistic_regression"
    tasks = ("classification", "multi_label", "ordinal")
    link = "corn"
    config: Config

    class Config(LinearConfig):
        """Strength of the penalty, weights of the classes."""

    def fit(
        self, inputs: Float[Tensor, "subjects inputs"], target: Shaped[Tensor, "subjects ..."], *, seed: int
    ) -> None:
        """Fit to all training subjects.

        Raises:
            SettingsError: if the solver does not converge.
        """
        self.learn_scale(inputs)
        vectors, wanted = array(self.standardised(inputs.to(self.mean.device))), target.cpu().numpy().astype(np.int64)
        if wanted.ndim > 1:
            found = [self._solved(vectors, label, seed) for label in wanted.T]
        elif wanted.max(initial=0) == self.classes:  # one logit less than there are grades
            known = [wanted >= grade for grade in range(self.classes)]
            found = [self._solved(vectors[rows], wanted[rows] > grade, seed) for grade, rows in enumerate(known)]
        else:
            found = [self._solved(vectors, wanted, seed)]
            if len(found[0][1]) == 1:  # of two classes scikit-learn scores the second alone
                found.insert(0, (np.zeros_like(found[0][0]), np.zeros_like(found[0][1])))
        weights, biases = zip(*found, strict=True)
        self.weight.copy_(torch.from_numpy(np.concatenate(weights)))
        self.bias.copy_(torch.from_numpy(np.concatenate(biases)))

    def _solved(self, vectors: NDArray[Any], target: NDArray[Any], seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Coefficients and intercepts; of two classes those of the second."""
        from sklearn.linear_model import LogisticRegression as Solver

        solver = Solver(
            C=self.config.C,
            class_weight=self.config.class_weight,
            max_iter=self.config.max_iterations,
            tol=1e-6,
            random_state=seed % SEEDS,
        )
        with converging(self.name):
            solver.fit(vectors, target)
        return solver.coef_, solver.intercept_

    def forward(self, inputs: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch classes"]:
        """Logits; `Task.predict` makes them probabilities."""
        return self.scores(inputs)
