"""Transforms: fitted on the training subjects of a split, applied to all of its subjects."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from xdistill.interfaces.component import Component, Settings
from xdistill.types import ModalitySpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn


class Transform(Component, ABC):
    """Fitted once per split, on training subjects only, then applied to every subject.

    ``__init__(config, *, spec)`` gets the `ModalitySpec` of ``config.modality`` as the cache holds it.
    """

    class Config(Settings):
        """Every transform names its modality; subclass ``Transform.Config`` for more."""

        modality: str

    def __init__(self, config: Transform.Config, *, spec: ModalitySpec) -> None:
        self.config = config
        self.spec = spec

    @abstractmethod
    def fit(self, training: NDArray[np.floating]) -> None:
        """Learn from the training subjects that have the modality, ``(subjects, *shape)``; NaN is missing."""

    @abstractmethod
    def output(self) -> ModalitySpec:
        """What the modality looks like after `apply`; known once fitted."""

    @abstractmethod
    def apply(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """Transform any subjects, ``(subjects, *shape)``."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """The fitted values, as JSON-ready data."""

    @abstractmethod
    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned."""

    def as_module(self) -> nn.Module | None:
        """The fitted transform as operations on tensors, which `xdistill export` writes into the file.

        Its ``forward`` maps ``(subjects, *shape)``, vectors in float64 with NaN for missing values, to what `apply`
        returns. None if the transform cannot be expressed so: the exported file then takes transformed values.
        """
        return None
