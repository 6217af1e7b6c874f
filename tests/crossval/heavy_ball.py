"""A plugin with a callback that has a state: momentum, kept by the callback instead of the optimiser."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import ModuleType

import torch

from crossval.missing_runs import fold_run
from tiny import tiny
from xdistill.crossval.events import EpochEnded
from xdistill.interfaces import Settings
from xdistill.interfaces.callback import Callback
from xdistill.plugin import hookimpl, load_catalog
from xdistill.plugin.catalog import Plugin
from xdistill.training.checkpoint import Checkpointer


class HeavyBall(Callback):
    """Adds a share of all earlier gradients to each gradient, and reports their norm."""

    name = "heavy_ball"

    class Config(Settings):
        """How much is added."""

        momentum: float = 0.9

    def __init__(self, config=None):
        super().__init__(config)
        self.velocity = {}

    def on_backward_end(self, trainer):
        """Change the gradients."""
        for name, parameter in trainer.model.named_parameters():
            if parameter.grad is not None:
                if name in self.velocity:
                    parameter.grad.add_(self.velocity[name], alpha=self.config.momentum)
                self.velocity[name] = parameter.grad.clone()

    def on_epoch_end(self, trainer, logs):
        """Report the norm."""
        logs["velocity"] = float(torch.stack([value.norm() for value in self.velocity.values()]).norm())

    def state_dict(self):
        """Velocities by parameter."""
        return {"velocity": self.velocity}

    def load_state_dict(self, state):
        """Restore them."""
        self.velocity = dict(state["velocity"])


class Breaks(Callback):
    """Raises after an epoch."""

    name = "breaks"

    def on_epoch_end(self, trainer, logs):
        """Raise."""
        raise ZeroDivisionError("no epochs")


def callbacks():
    return [HeavyBall, Breaks]


def with_plugin():
    """The catalog of everything that is installed, and this plugin."""
    module = ModuleType("heavy")
    module.xdistill_callbacks = hookimpl(callbacks)
    return load_catalog(extra=[Plugin("heavy", module, "tests", "0")])


def heavy(**changes):
    """The tiny recipe, three epochs, with the callback."""
    stage = {**tiny()["stages"][0], "epochs": 3}
    return tiny(**{"stages": [stage], "callbacks": [{"use": "heavy_ball"}], **changes})


def run_and_die(folder: Path, cache: Path) -> None:
    """Run the first fold and be killed after its second epoch."""
    Checkpointer.due = lambda _self: True
    for event in fold_run(heavy(), folder, cache, with_plugin()).events():
        if isinstance(event, EpochEnded) and event.done == 2:
            os.kill(os.getpid(), signal.SIGKILL)
