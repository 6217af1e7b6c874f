"""Callbacks: called by the trainer at fixed points of training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from xdistill.interfaces.component import Component, Settings
from xdistill.types import Batch


class Callback(Component):
    """Called by the trainer at fixed points of each training stage; the methods do nothing by default.

    ``__init__(config)`` gets the settings. A callback may read the trainer's ``model`` (networks and objective),
    ``optimizer``, ``scheduler``, ``fabric``, ``epoch`` (from 1), ``total_epochs``, ``step`` (from 0), ``name`` (of the
    stage) and ``history``. What it changes there changes the training. It may replace ``gradients``, which is called
    with a step's losses in place of the backward pass: ``losses.weighted`` has each term times its weight, by label.
    """

    def __init__(self, config: Settings | None = None) -> None:
        self.config = config or self.Config()

    def on_train_begin(self, trainer: Any) -> None:
        """Before the first epoch of a stage, also when a stage is resumed."""

    def on_epoch_begin(self, trainer: Any) -> None:
        """Before each epoch."""

    def on_batch_begin(self, trainer: Any, batch: Batch) -> None:
        """Before each training step; ``batch`` is on the device."""

    def on_backward_end(self, trainer: Any) -> None:
        """After the backward pass, before gradients are clipped and the optimiser steps."""

    def on_batch_end(self, trainer: Any, batch: Batch, losses: Mapping[str, Tensor]) -> None:
        """After each training step; ``losses`` are the terms' values without their weights, by label."""

    def on_epoch_end(self, trainer: Any, logs: dict[str, Any]) -> None:
        """After each epoch; ``logs`` is its row of the history, to which figures may be added."""

    def on_train_end(self, trainer: Any) -> None:
        """After the last epoch of a stage."""

    def state_dict(self) -> dict[str, Any]:
        """What has to survive when a run is stopped and resumed; plain data and tensors."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
