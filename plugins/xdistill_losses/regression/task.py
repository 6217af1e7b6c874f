"""Task losses of regression: squared, absolute and Huber's error."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar

from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from xdistill.interfaces.component import Settings
from xdistill.interfaces.loss import TaskLoss
from xdistill.types import Batch, Output
from xdistill_losses.numerics import full
from xdistill_losses.regression.targets import targets_of

Values = Float[Tensor, "batch targets"]


class ErrorLoss(TaskLoss):
    """An error of the network's outputs ``(batch, targets)`` against the targets, the mean over subjects and targets.

    The task standardises both by the training subjects of the fold (`xdistill.tasks.Regression`), so that errors are
    in standard deviations: a large unit changes neither the learning rate that is needed nor the weight of the term.
    """

    tasks: ClassVar[tuple[str, ...]] = ("regression",)

    def forward(self, output: Output, batch: Batch) -> Float[Tensor, ""]:
        """The mean over subjects and targets."""
        values = full(output.logits)
        return self.error(values, targets_of(batch, values))

    @abstractmethod
    def error(self, values: Values, target: Values) -> Float[Tensor, ""]:
        """The mean error of values, both in standard deviations."""


class SquaredError(ErrorLoss):
    """Mean squared error."""

    name = "mse"

    class Config(Settings):
        """No settings."""

    def error(self, values: Values, target: Values) -> Float[Tensor, ""]:
        """The mean of ``(value - target)^2``."""
        return F.mse_loss(values, target)


class AbsoluteError(ErrorLoss):
    """Mean absolute error, whose optimum is the median."""

    name = "l1"

    class Config(Settings):
        """No settings."""

    def error(self, values: Values, target: Values) -> Float[Tensor, ""]:
        """The mean of ``|value - target|``."""
        return F.l1_loss(values, target)


class Huber(ErrorLoss):
    """Huber's error: squared near the target and absolute far from it, so that outliers count less.

    Half the square up to ``delta``, then ``delta (|error| - delta / 2)`` (Huber, Annals of Mathematical Statistics 35,
    1964).
    """

    name = "huber"
    config: Config

    class Config(Settings):
        """Where it becomes absolute."""

        delta: Annotated[float, Field(gt=0)] = Field(
            default=1.0, description="error up to which it is squared, in standard deviations of the target"
        )

    def error(self, values: Values, target: Values) -> Float[Tensor, ""]:
        """The mean over subjects and targets."""
        return F.huber_loss(values, target, delta=self.config.delta)
