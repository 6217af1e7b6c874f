"""Base of estimators with one linear function per class."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Float
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Settings
from xdistill.interfaces.fitted import Estimator

# scikit-learn draws from generators that take 32 bits.
SEEDS = 2**32


class LinearConfig(Settings):
    """Settings of linear estimators."""

    C: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        default=1.0, description="inverse strength of the penalty on large coefficients"
    )
    class_weight: Literal["balanced"] | None = Field(
        default=None,
        description="balanced: every class has the same total weight; null: every subject has the same weight",
    )
    standardise: bool = Field(
        default=True, description="scale every input to mean 0 and standard deviation 1 on the training subjects"
    )
    max_iterations: Annotated[int, Field(ge=1)] = Field(
        default=10_000, description="iterations after which the solver stops with an error"
    )


class LinearEstimator(Estimator):
    """Standardises a vector and scores it with one linear function per class.

    The solvers of scikit-learn get exactly the standardised vectors that `forward` computes.
    """

    mean: Tensor
    scale: Tensor
    weight: Tensor
    bias: Tensor
    config: LinearConfig

    def __init__(self, config: LinearConfig, *, inputs: int, classes: int) -> None:
        super().__init__(config, inputs=inputs, classes=classes)
        if inputs == 0:
            raise SettingsError(f"{self.name} has no inputs to learn from")
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("scale", torch.ones(inputs))
        self.register_buffer("weight", torch.zeros(classes, inputs))
        self.register_buffer("bias", torch.zeros(classes))

    def learn_scale(self, inputs: Float[Tensor, "subjects inputs"]) -> None:
        """Take mean and standard deviation from these subjects; inputs that do not vary are only centred."""
        if not self.config.standardise:
            return
        exact = inputs.double()
        deviation = exact.std(dim=0, correction=0)
        self.mean.copy_(exact.mean(dim=0))
        self.scale.copy_(torch.where(deviation > 0, deviation, 1.0))

    def standardised(self, inputs: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch inputs"]:
        """The inputs in float32, scaled."""
        return (inputs.float() - self.mean) / self.scale

    def scores(self, inputs: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch classes"]:
        """Each class's linear function, in float32, without autocast."""
        with _full_precision(inputs.device.type):
            return functional.linear(self.standardised(inputs), self.weight, self.bias)


def array(values: Tensor) -> NDArray[Any]:
    """An array for scikit-learn, in float64."""
    return values.detach().cpu().double().numpy()


@contextmanager
def converging(name: str) -> Iterator[None]:
    """A solver that does not converge raises an error instead of a warning.

    Raises:
        SettingsError: with the settings to change.
    """
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            yield
        except ConvergenceWarning as warning:
            first = str(warning).splitlines()[0].rstrip(".")
            raise SettingsError(
                f"{name} did not converge ({first}); raise `max_iterations`, lower `C`, or set `standardise: true`",
                field="max_iterations",
            ) from warning


def _full_precision(device: str) -> AbstractContextManager[Any]:
    if not torch.amp.autocast_mode.is_autocast_available(device):
        return nullcontext()
    return torch.autocast(device, enabled=False)
