"""A training of a few steps: a teacher and a student of one layer each, and two loss terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss
from torch.optim.lr_scheduler import LambdaLR

from xdistill.interfaces.callback import Callback
from xdistill.testing.helpers.samples import CLASSES, COLUMNS, sample_batch
from xdistill.testing.helpers.tensors import seeded
from xdistill.types import Batch

EPOCHS: Final = 3
BATCHES: Final = 2


class ToyObjective(nn.Module):
    """Cross-entropy of the student, and its squared distance to the teacher."""

    def forward(self, outputs: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """The terms by label."""
        assert batch.target is not None  # noqa: S101 - `sample_batch` sets it
        return {
            "cross_entropy:student": cross_entropy(outputs["student"], batch.target),
            "mse": mse_loss(outputs["student"], outputs["teacher"]),
        }


class ToyModel(nn.Module):
    """The networks, which read the modality ``table``, and the objective. The teacher is frozen."""

    def __init__(self) -> None:
        super().__init__()
        with seeded():
            layers = {role: nn.Linear(len(COLUMNS), len(CLASSES)) for role in ("teacher", "student")}
        layers["teacher"].requires_grad_(requires_grad=False)
        self.networks = nn.ModuleDict(layers)
        self.objective = ToyObjective()

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The terms by label."""
        outputs = {role: network(batch.inputs["table"]) for role, network in self.networks.items()}
        terms: dict[str, Tensor] = self.objective(outputs, batch)
        return terms


class ToyTrainer:
    """What callbacks may read of a trainer, and the order in which they are called."""

    def __init__(self, callbacks: Sequence[Callback], *, name: str = "joint") -> None:
        self.callbacks = callbacks
        self.name = name
        self.model = ToyModel()
        self.optimizer = torch.optim.SGD(self.model.networks["student"].parameters(), lr=0.1)
        self.scheduler = LambdaLR(self.optimizer, lambda _: 1.0)
        self.fabric = Fabric(accelerator="cpu", devices=1)
        self.epoch = 0
        self.total_epochs = EPOCHS
        self.step = 0
        self.history: list[dict[str, Any]] = []

    def fit(self) -> list[dict[str, Any]]:
        """Train for all epochs; returns the history."""
        return self.fit_until(EPOCHS)

    def fit_until(self, epoch: int) -> list[dict[str, Any]]:
        """Train up to and including this epoch; ends as a training that is stopped, unless it is the last one."""
        self._call("on_train_begin")
        while self.epoch < epoch:
            self.epoch += 1
            self._call("on_epoch_begin")
            losses = [self._train_step(sample_batch(seed=10 * self.epoch + place)) for place in range(BATCHES)]
            total = float(sum(value for terms in losses for value in terms.values())) / BATCHES
            row: dict[str, Any] = {"stage": self.name, "epoch": self.epoch, "lr": 0.1, "total": total}
            self._call("on_epoch_end", row)
            self.history.append(row)
        if self.epoch == EPOCHS:
            self._call("on_train_end")
        return self.history

    def _train_step(self, batch: Batch) -> dict[str, Tensor]:
        self._call("on_batch_begin", batch)
        terms: dict[str, Tensor] = self.model(batch)
        self.optimizer.zero_grad()
        torch.autograd.backward(torch.stack(list(terms.values())).sum())
        self._call("on_backward_end")
        self.optimizer.step()
        self.scheduler.step()
        self.step += 1
        losses = {label: value.detach() for label, value in terms.items()}
        self._call("on_batch_end", batch, losses)
        return losses

    def _call(self, hook: str, *arguments: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(self, *arguments)
