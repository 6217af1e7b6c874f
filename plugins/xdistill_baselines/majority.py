"""The lower limit for every method."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from xdistill.interfaces.component import Settings
from xdistill.interfaces.fitted import Estimator


class Majority(Estimator):
    """Predicts the class shares of the training subjects for every subject.

    So it predicts the largest class for all: its accuracy is that class's share, its AUC exactly one half.
    """

    name = "majority"
    log_shares: Tensor

    def __init__(self, config: Settings, *, inputs: int, classes: int) -> None:
        super().__init__(config, inputs=inputs, classes=classes)
        self.register_buffer("log_shares", torch.zeros(classes))

    def fit(self, inputs: Float[Tensor, "subjects inputs"], target: Int[Tensor, " subjects"], *, seed: int) -> None:
        """Count the classes."""
        del inputs, seed
        counts = torch.bincount(target, minlength=self.classes).double()
        self.log_shares.copy_((counts / counts.sum()).log())

    def forward(self, inputs: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch classes"]:
        """The same logits for each subject: the logarithms of the shares."""
        return self.log_shares.expand(inputs.shape[0], -1)
