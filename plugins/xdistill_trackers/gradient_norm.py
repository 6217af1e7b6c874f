"""The size of the gradient, epoch by epoch."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor, nn

from xdistill.interfaces import Callback


class GradientNorm(Callback):
    """Adds the norm of each trained network's gradient to the history, as ``gradient_norm.student``.

    It is the mean over the epoch's steps of the L2 norm over all of the network's parameters, before clipping.
    """

    name = "gradient_norm"

    def on_epoch_begin(self, trainer: Any) -> None:
        """Forget the last epoch."""
        del trainer
        self._norms: defaultdict[str, list[Tensor]] = defaultdict(list)

    def on_backward_end(self, trainer: Any) -> None:
        """Measure each network; the trainer has removed the loss scale of 16-bit precision by then."""
        for role, network in trainer.model.networks.items():
            gradients = _gradients(network)
            if gradients:
                self._norms[role].append(torch.nn.utils.get_total_norm(gradients))

    def on_epoch_end(self, trainer: Any, logs: dict[str, Any]) -> None:
        """Add the means."""
        del trainer
        for role, norms in self._norms.items():
            logs[f"{self.name}.{role}"] = float(torch.stack(norms).mean())


def _gradients(network: nn.Module) -> list[Tensor]:
    parameters = (parameter for parameter in network.parameters() if parameter.requires_grad)
    return [parameter.grad for parameter in parameters if parameter.grad is not None]
