"""Metrics: numbers computed from the predictions of one fold's test subjects."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from xdistill.interfaces.component import Component, Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Metric(Component, ABC):
    """A number for one set of predictions.

    Attributes:
        higher_is_better: which way is good.
    """

    higher_is_better: ClassVar[bool] = True

    def __init__(self, config: Settings) -> None:
        self.config = config

    @abstractmethod
    def __call__(
        self,
        target: NDArray[np.int64],
        probabilities: NDArray[np.float64],
        classes: Sequence[str],
    ) -> float:
        """The value for targets ``(subjects,)`` and probabilities ``(subjects, classes)``."""
