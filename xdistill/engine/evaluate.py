"""Predictions of a network for subjects it was not trained on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray

from xdistill.engine.loader import Rows, Source
from xdistill.interfaces.network import Network
from xdistill.types import Batch


def predict(
    network: Network,
    source: Source,
    rows: Rows,
    *,
    fabric: Fabric,
    batch_size: int,
    prepare: Callable[[Batch], Batch],
) -> NDArray[np.float64]:
    """Class probabilities ``(subjects, classes)``.

    Only the network's own modalities are read for it, and no target.
    """
    mode = network.training
    network.eval()
    rows_of_logits = []
    with torch.no_grad(), fabric.autocast():
        for start in range(0, len(rows), batch_size):
            batch = source.batch(rows[start : start + batch_size], network.inputs, target=False)
            rows_of_logits.append(network(prepare(batch)).logits.to(device="cpu", dtype=torch.float64))
    network.train(mode)
    return np.asarray(torch.softmax(torch.cat(rows_of_logits), dim=1).numpy(), dtype=np.float64)


def log_loss(probabilities: NDArray[np.float64], targets: NDArray[np.int64]) -> float:
    """Mean negative log-probability of the right class."""
    chosen = probabilities[np.arange(len(targets)), targets]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())
