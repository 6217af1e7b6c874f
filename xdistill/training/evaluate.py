"""Predictions of a network for subjects it was not trained on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from xdistill.errors import NonFiniteLossError
from xdistill.interfaces.network import Network
from xdistill.training.shapes import evaluating
from xdistill.training.source import Rows, Source
from xdistill.types import Batch


class Computing(Protocol):
    """Where and how precisely is computed, such as a `lightning_fabric.Fabric`."""

    @property
    def device(self) -> torch.device:
        """Of the tensors."""

    def autocast(self) -> AbstractContextManager[None]:
        """Within it, operations choose their precision."""


EVALUATION_BATCH = 32
SHOWN = 5  # subjects that a message lists


def predict(
    network: Network,
    source: Source,
    rows: Rows,
    *,
    fabric: Computing,
    prepare: Callable[[Batch], Batch],
    batch_size: int = EVALUATION_BATCH,
) -> NDArray[np.float64]:
    """Predictions of the task ``(subjects, columns)``; for classification, class probabilities.

    Only the network's own modalities are read, and no target.

    Args:
        network: on the fabric's device.
        source: of the subjects.
        rows: of the cohort.
        fabric: device and precision.
        prepare: moves a batch to the device.
        batch_size: subjects per batch.

    Raises:
        NonFiniteLossError: naming the subjects whose logits are not finite.
    """
    rows_of_logits = []
    with evaluating(network), fabric.autocast():
        for start in range(0, len(rows), batch_size):
            batch = source.batch(rows[start : start + batch_size], network.inputs, target=False)
            rows_of_logits.append(network(prepare(batch)).logits.to(device="cpu", dtype=torch.float64))
    logits = torch.cat(rows_of_logits)
    bad = (~torch.isfinite(logits).all(dim=1)).nonzero().flatten().tolist()
    if bad:
        names = ", ".join(source.cohort.subjects[rows[index]] for index in bad[:SHOWN])
        raise NonFiniteLossError(
            f"the predictions of {network.name!r} are not finite for {len(bad)} of {len(rows)} subjects ({names}"
            f"{', …' if len(bad) > SHOWN else ''}); training diverged; try a lower optimizer.lr or precision "
            f"32-true"
        )
    return np.asarray(source.transforms.schema.task.predict(logits).numpy(), dtype=np.float64)
