"""A training of a few steps by the real trainer: a teacher and a student of one layer each, and two loss terms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.nn.functional import mse_loss

from xdistill.interfaces.callback import Callback
from xdistill.testing.helpers.samples import CLASSES, COLUMNS, sample_batch
from xdistill.testing.helpers.tensors import seeded
from xdistill.training.adapters import wrap
from xdistill.training.model import DistillationModel, set_modes
from xdistill.training.objective import Objective
from xdistill.training.terms import make_terms
from xdistill.training.trainer import Trainer
from xdistill.types import Batch, Output, OutputSpec

EPOCHS: Final = 3
BATCHES: Final = 2


def toy_trainer(callbacks: Sequence[Callback] = (), *, name: str = "joint") -> Trainer:
    """A trainer whose teacher is frozen and whose networks read the modality ``table``; always the same weights."""
    with seeded():
        layers = {role: nn.Linear(len(COLUMNS), len(CLASSES)) for role in ("teacher", "student")}
    networks = {role: wrap(layer, inputs=["table"]) for role, layer in layers.items()}
    set_modes(networks, ["student"])
    specs = {role: OutputSpec.of(network(sample_batch())) for role, network in networks.items()}
    objective = Objective(make_terms([nn.CrossEntropyLoss(), distance], [], specs))
    model = DistillationModel(networks, objective, ["student"])
    optimizer = torch.optim.SGD([value for value in model.parameters() if value.requires_grad], lr=0.1)
    return Trainer(
        model, optimizer, fabric=Fabric(accelerator="cpu", devices=1), callbacks=callbacks, name=name, where="a test"
    )


def train(trainer: Trainer, *, done: int = 0, until: int = EPOCHS) -> list[dict[str, Any]]:
    """Train after some epochs until another one; returns the rows of the history, without times.

    Before the last epoch it ends as a training that is stopped.
    """
    rows = trainer.epochs(_batches, EPOCHS, done=done)
    for _ in islice(rows, until - done):
        pass
    if until == EPOCHS:
        next(rows, None)
    return [{key: value for key, value in row.items() if key != "seconds"} for row in trainer.history]


def distance(student: Output, teacher: Output, batch: Batch) -> torch.Tensor:  # noqa: ARG001 - the call of a loss
    """Mean squared difference of the logits."""
    return mse_loss(student.logits, teacher.logits)


def _batches(epoch: int) -> Iterator[Batch]:
    return (sample_batch(seed=10 * epoch + index) for index in range(BATCHES))
