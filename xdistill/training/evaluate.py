"""Predictions of a network for subjects it was not trained on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray

from xdistill.errors import NonFiniteLossError
from xdistill.experiment.networks import evaluating
from xdistill.experiment.plans import Experiment
from xdistill.interfaces.network import Network
from xdistill.stats import METRICS, MetricFunction
from xdistill.training.loader import Rows, Source
from xdistill.types import Batch

EVALUATION_BATCH = 32
SHOWN = 5  # subjects that a message names
WATCHED = "watched"  # the column of the history that a watch over a fold adds


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
            f"{', …' if len(bad) > SHOWN else ''}); training went astray: a lower optimizer.lr or precision 32-true "
            f"may help"
        )
    return np.asarray(torch.softmax(logits, dim=1).numpy(), dtype=np.float64)


def log_loss(probabilities: NDArray[np.float64], targets: NDArray[np.int64]) -> float:
    """Mean negative log-probability of the right class."""
    chosen = probabilities[np.arange(len(targets)), targets]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())


def metric_of(name: str, experiment: Experiment) -> MetricFunction:
    """A metric by name: a standard one, or one of plugins that the recipe asks for.

    Raises:
        KeyError: when there is none of this name.
    """
    known: dict[str, MetricFunction] = {**METRICS, **{choice.use: choice.build() for choice in experiment.metrics}}
    return known[name]
