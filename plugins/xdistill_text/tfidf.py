"""The transform ``tfidf``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from xdistill.errors import DataError, SettingsError
from xdistill.interfaces.transform import Transform
from xdistill.types import ModalitySpec

if TYPE_CHECKING:
    from torch import nn


class Tfidf(Transform):
    r"""Counts of words, weighted by how rare the word is among the training subjects, and scaled to length 1.

    .. math::
        w_j = c_j \left(1 + \ln \frac{1 + n}{1 + n_j}\right), \qquad x = w / \lVert w \rVert

    with ``c_j`` the subject's count of word ``j``, which ``n_j`` of the ``n`` training subjects have, as in
    scikit-learn's ``TfidfTransformer`` by default. A subject without any word stays all zeros.
    """

    name = "tfidf"
    config: Config

    class Config(Transform.Config):
        """Settings of the weights."""

        logarithmic: bool = Field(
            default=False, description="a word's second occurrence counts less: 1 + ln(count) in place of the count"
        )

    def __init__(self, config: Config, *, spec: ModalitySpec) -> None:
        super().__init__(config, spec=spec)
        if spec.kind != "vector" or any(column.kind != "numeric" for column in spec.columns):
            raise SettingsError(f"tfidf needs a vector of counts; {config.modality!r} is not one", field="modality")
        self._weights: NDArray[np.float64] | None = None

    def fit(self, training: NDArray[np.floating]) -> None:
        """Compute the frequencies of words.

        Args:
            training: counts ``(subjects, words)``.

        Raises:
            DataError: for values that are not counts.
        """
        counts = self._checked(training)
        self._weights = 1 + np.log((1 + len(counts)) / (1 + (counts > 0).sum(axis=0)))

    def output(self) -> ModalitySpec:
        """A vector of the same length."""
        return ModalitySpec("vector", self.spec.shape, self.spec.columns)

    def apply(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """Weights ``(subjects, words)``.

        Raises:
            DataError: for values that are not counts.
        """
        if self._weights is None:
            msg = "the tfidf transform must be fitted or restored before it is used"
            raise RuntimeError(msg)
        counts = self._checked(values)
        if self.config.logarithmic:
            counts = np.where(counts > 0, 1 + np.log(np.maximum(counts, 1)), 0)
        weighted = counts * self._weights
        length = np.linalg.norm(weighted, axis=1, keepdims=True)
        scaled = np.divide(weighted, length, out=np.zeros_like(weighted), where=length > 0)
        return np.asarray(scaled, dtype=np.float32)

    def state(self) -> dict[str, Any]:
        """The weights; words are not part of it."""
        return {"weights": None if self._weights is None else self._weights.tolist()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned.

        Raises:
            DataError: if it belongs to counts of another length.
        """
        weights = np.asarray(state["weights"], dtype=np.float64)
        if weights.shape != self.spec.shape:
            raise DataError(
                f"the saved transform of {self.config.modality!r} has {weights.size} weights for {self.spec.shape[0]} "
                f"counts; use it with the cohort it was trained on"
            )
        self._weights = weights

    def as_module(self) -> nn.Module:
        """The same in PyTorch; values that are not counts are not refused there."""
        from xdistill_text.operations import TfidfOperations

        if self._weights is None:
            msg = "the tfidf transform must be fitted or restored before it is used"
            raise RuntimeError(msg)
        return TfidfOperations(self._weights, logarithmic=self.config.logarithmic)

    def _checked(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        numbers = np.asarray(values, dtype=np.float64)
        if not (np.isfinite(numbers).all() and (numbers >= 0).all()):
            raise DataError(f"tfidf needs counts, but {self.config.modality!r} has negative or missing values")
        return numbers
