"""The trainer: epochs, batches, steps. Everything else is a callback."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from xdistill.errors import NonFiniteLossError, PluginError, XdistillError
from xdistill.interfaces.callback import Callback
from xdistill.training.memory import ran_out_of_memory
from xdistill.training.model import Losses, Opaque
from xdistill.training.objective import raised_in
from xdistill.types import Batch

if TYPE_CHECKING:
    from lightning_fabric import Fabric  # takes seconds, which the driver need not spend


class Trainer:
    """Trains a model by gradient.

    A batch takes this way: `epochs` calls `train_epoch`, which calls `train_step` for each batch. That computes the
    losses, differentiates them, clips the gradients, and steps the optimiser and the schedule. Callbacks are called
    before and after each of these, in their order.

    Args:
        model: returns `Losses` for an `Opaque` batch, as `DistillationModel` does. It is on the fabric's device.
        optimizer: over the model's parameters.
        fabric: device and precision.
        scheduler: of the learning rate, stepped after each training step.
        clip_norm: largest norm of the gradient; None: gradients are not clipped.
        callbacks: see `Callback`.
        name: of the stage, for the history and for messages.
        where: what else messages say about the place, such as the fold.

    Attributes:
        epoch: the current epoch, from 1; before the first, the number of epochs that are done.
        step: training steps that are done.
        history: one row per epoch: ``stage``, ``epoch``, ``seconds``, ``lr``, ``total``, and the mean of each term
            over the subjects that it saw.
        subjects: number of subjects that each term saw in the current epoch.
        gradients: called with the `Losses` of a step, sets the gradients of the parameters; by default those of the
            total. A callback may replace it, as one does that resolves conflicts between the terms' gradients.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        *,
        fabric: Fabric,
        scheduler: LRScheduler | None = None,
        clip_norm: float | None = None,
        callbacks: Sequence[Callback] = (),
        name: str = "train",
        where: str = "",
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.fabric = fabric
        self.scheduler = scheduler
        self.clip_norm = clip_norm
        self.callbacks = list(callbacks)
        self.name = name
        self.where = where
        self.epoch = 0
        self.total_epochs = 0
        self.step = 0
        self.history: list[dict[str, Any]] = []
        self.subjects: dict[str, int] = {}
        self.gradients: Callable[[Losses], None] = self.gradients_of_total
        self._model, self._optimizer = fabric.setup(model, optimizer, move_to_device=False)

    def fit(self, batches: Callable[[int], Iterable[Batch]], epochs: int) -> list[dict[str, Any]]:
        """Train for some epochs and return the history; see `epochs` for the arguments."""
        for _ in self.epochs(batches, epochs):
            pass
        return self.history

    def epochs(
        self, batches: Callable[[int], Iterable[Batch]], epochs: int, *, done: int = 0
    ) -> Iterator[dict[str, Any]]:
        """Train epoch by epoch; yields the history's row of each.

        Args:
            batches: returns the batches of an epoch, which is counted from 1; each batch is on the fabric's device.
            epochs: number of epochs.
            done: epochs that an earlier call did.

        Raises:
            NonFiniteLossError: if a loss is not finite; the weights are those before that step.
            PluginError: if a callback raises an unexpected error.
        """
        self.total_epochs, self.epoch = epochs, done
        self._call("on_train_begin")
        for self.epoch in range(done + 1, epochs + 1):
            self._call("on_epoch_begin")
            row = self.train_epoch(batches(self.epoch))
            self.history.append(row)
            self._call("on_epoch_end", row)
            yield row
        self._call("on_train_end")

    def train_epoch(self, batches: Iterable[Batch]) -> dict[str, Any]:
        """One pass over the batches; returns the history's row."""
        begin, rate = time.monotonic(), 0.0
        total, seen = 0.0, 0
        sums: dict[str, Tensor] = {}
        self.subjects = {}
        try:
            for batch in batches:
                self._call("on_batch_begin", batch)
                rate = self.optimizer.param_groups[0]["lr"]
                losses = self.train_step(batch)
                total += float(losses.total) * len(batch)
                seen += len(batch)
                for label, value in losses.terms.items():
                    size = losses.sizes[label]
                    self.subjects[label] = self.subjects.get(label, 0) + size
                    sums[label] = sums[label] + value * size if label in sums else value * size
                self._call("on_batch_end", batch, losses.terms)
        finally:
            close: Callable[[], None] = getattr(batches, "close", lambda: None)
            close()
        return {
            "stage": self.name,
            "epoch": self.epoch,
            "seconds": time.monotonic() - begin,
            "lr": rate,
            "total": total / seen,
            **{label: float(value) / self.subjects[label] for label, value in sums.items()},
        }

    def train_step(self, batch: Batch) -> Losses:
        """Forward, backward, clip, update.

        Raises:
            NonFiniteLossError: before any weight has changed.
        """
        losses = Losses(*self._model(Opaque(batch)))
        value = losses.total.detach()
        if not math.isfinite(float(value)):
            raise self._non_finite(losses.terms, batch)
        self._optimizer.zero_grad(set_to_none=True)
        self.gradients(losses)
        self._unscale()
        self._call("on_backward_end")
        if self.clip_norm is not None:
            self._clip(self.clip_norm)
        self._optimizer.step()
        if self.scheduler is not None:
            self.scheduler.step()
        self.step += 1
        return losses._replace(total=value, weighted={})  # the graphs are not kept

    def gradients_of_total(self, losses: Losses) -> None:
        """Differentiate the weighted sum of all terms."""
        self.fabric.backward(losses.total)

    def _unscale(self) -> None:
        """Undo the loss scaling of 16-bit precision; Fabric's own method rejects fused optimizers, torch's does not."""
        scaler = getattr(self.fabric.strategy.precision, "scaler", None)
        if scaler is not None:
            scaler.unscale_(self.optimizer)

    def _clip(self, norm: float) -> None:
        """Clip by the total norm. Shorter gradients are not touched, which saves a pass over all parameters."""
        parameters = list(self.fabric.strategy.precision.main_params(self.optimizer))
        actual = torch.nn.utils.get_total_norm([value.grad for value in parameters if value.grad is not None])
        if not float(actual) <= norm:  # a norm that is not finite is clipped as well, as torch does
            torch.nn.utils.clip_grads_with_norm_(parameters, norm, actual)

    def _call(self, hook: str, *arguments: Any) -> None:
        for callback in self.callbacks:
            try:
                getattr(callback, hook)(self, *arguments)
            except XdistillError:
                raise
            except Exception as error:
                if ran_out_of_memory(error):
                    raise
                name = getattr(callback, "name", type(callback).__name__)
                raise PluginError(
                    f"the callback {name!r} failed in {hook}, {self._place()}: {type(error).__name__}: {error}"
                    f"{raised_in(error, callback)}"
                ) from error

    def _non_finite(self, terms: Mapping[str, Tensor], batch: Batch) -> NonFiniteLossError:
        bad = [f"{label} = {float(value)}" for label, value in terms.items() if not math.isfinite(float(value))]
        return NonFiniteLossError(
            f"the loss is not finite {self._place()}: {', '.join(bad) or 'the weighted sum'}; subjects of the batch: "
            f"{', '.join(batch.subjects)}. Try a lower optimizer.lr, optimizer.clip_norm or precision 32-true, and "
            f"check the data of these subjects"
        )

    def _place(self) -> str:
        where = f"{self.where}, " if self.where else ""
        return f"in {where}stage {self.name!r}, epoch {self.epoch}"
