"""A linear support vector machine with probabilities."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from xdistill.errors import DataError
from xdistill_baselines.linear import SEEDS, LinearConfig, LinearEstimator, array, converging


class LinearSvm(LinearEstimator):
    """A support vector machine with a linear kernel, one class against the rest, and calibrated probabilities.

    scikit-learn fits it (``LinearSVC``, squared hinge loss). Its margins become probabilities as Platt proposed: one
    sigmoid per class, fitted to the margins of held-out subjects in a cross-validation within the training
    subjects; a subject's probabilities are then divided by their sum. The softmax of its logits is the
    ``predict_proba`` of ``CalibratedClassifierCV(method="sigmoid", ensemble=False)``.

    Sources: Cortes and Vapnik, Support-vector networks, 1995; Platt, Probabilistic outputs for support vector
    machines, 1999.
    """

    name = "linear_svm"
    config: Config
    slope: Tensor
    offset: Tensor

    class Config(LinearConfig):
        """Strength of the penalty, weights of the classes, calibration."""

        calibration_folds: Annotated[int, Field(ge=2)] = Field(
            default=5, description="folds of the training subjects for fitting the sigmoids"
        )

    def __init__(self, config: Config, *, inputs: int, classes: int) -> None:
        super().__init__(config, inputs=inputs, classes=classes)
        self.register_buffer("slope", torch.ones(classes))
        self.register_buffer("offset", torch.zeros(classes))

    def fit(self, inputs: Float[Tensor, "subjects inputs"], target: Int[Tensor, " subjects"], *, seed: int) -> None:
        """Fit to all training subjects.

        Raises:
            DataError: if a class has fewer subjects than there are calibration folds.
            SettingsError: if the solver does not converge.
        """
        fewest = int(torch.bincount(target, minlength=self.classes).min())
        if fewest < self.config.calibration_folds:
            raise DataError(
                f"{self.name} is calibrated over {self.config.calibration_folds} folds of the training subjects, but "
                f"one class has only {fewest} of them; lower `calibration_folds` or `crossval.folds`"
            )
        self.learn_scale(inputs)
        standardised = self.standardised(inputs.to(self.mean.device))
        with converging(self.name):
            fitted = _fit(array(standardised), target.cpu().numpy(), self.config, seed % SEEDS)
        weight, bias = fitted.estimator.coef_, fitted.estimator.intercept_
        slope = np.array([-sigmoid.a_ for sigmoid in fitted.calibrators])
        offset = np.array([-sigmoid.b_ for sigmoid in fitted.calibrators])
        if len(bias) == 1:  # of two classes scikit-learn scores the second; the first has the rest of the probability
            weight, bias = np.repeat(weight, 2, axis=0), np.repeat(bias, 2)
            slope, offset = np.append(-slope, slope), np.append(-offset, offset)
        for buffer, values in ((self.weight, weight), (self.bias, bias), (self.slope, slope), (self.offset, offset)):
            buffer.copy_(torch.from_numpy(values))

    def forward(self, inputs: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch classes"]:
        """Logarithms of the sigmoids: their softmax divides the sigmoids by their sum."""
        return functional.logsigmoid(self.slope * self.scores(inputs) + self.offset)


def _fit(inputs: NDArray[Any], target: NDArray[Any], config: LinearSvm.Config, seed: int) -> Any:
    """scikit-learn's pair of a machine, fitted to all subjects, and its sigmoids."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.model_selection import StratifiedKFold
    from sklearn.svm import LinearSVC

    machine = LinearSVC(
        C=config.C,
        class_weight=config.class_weight,
        dual=False,  # the dual solver is slow for long, similar vectors such as learned ones
        max_iter=config.max_iterations,
        random_state=seed,
    )
    folds = StratifiedKFold(config.calibration_folds, shuffle=True, random_state=seed)
    calibrated = CalibratedClassifierCV(machine, method="sigmoid", cv=folds, ensemble=False).fit(inputs, target)
    return calibrated.calibrated_classifiers_[0]
