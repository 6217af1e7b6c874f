"""An average of a network's weights over training steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from xdistill.interfaces import Callback, Settings
from xdistill.types import Batch


class WeightAverage(Callback):
    r"""Replaces a network's weights by their average over the steps, at the end of each stage that trains it.

    .. math::
        \bar w_t = d\, \bar w_{t-1} + (1 - d)\, w_t

    or, with ``decay: null``, the plain mean (Izmailov et al., Averaging weights leads to wider optima and better
    generalization, UAI 2018; Polyak and Juditsky, SIAM Journal on Control and Optimization 30(4), 1992). Statistics of
    batch norm are averaged as weights are; integers are those of the last step. The average is computed by
    `torch.optim.swa_utils`. Where the epoch is chosen by validation, the average is what the last epoch is judged by.
    """

    name = "weight_average"
    config: Config

    class Config(Settings):
        """Of which network, and how it is averaged."""

        network: Literal["student", "teacher"] = Field(default="student", description="the network")
        decay: Annotated[float, Field(gt=0, lt=1)] | None = Field(
            default=0.99, description="weight of the average so far, in each step; null: the mean of all steps"
        )
        start: Annotated[float, Field(ge=0, lt=1)] = Field(
            default=0.0, description="share of the stage's epochs that pass before averaging begins"
        )

    def __init__(self, config: Config | None = None) -> None:
        super().__init__(config)
        self._average: AveragedModel | None = None
        self._kept: Mapping[str, Tensor] = {}

    def on_train_begin(self, trainer: Any) -> None:
        """Begin with nothing, or with what was kept when the run was stopped."""
        self._average = None
        network = self._trained(trainer)
        if network is not None and trainer.epoch and self._kept:
            self._average = self._averaged(network)
            self._average.load_state_dict(self._kept)
        self._kept = {}

    def on_batch_end(self, trainer: Any, batch: Batch, losses: Mapping[str, Tensor]) -> None:
        """Add the weights after a step."""
        del batch, losses
        network = self._trained(trainer)
        if network is None or trainer.epoch <= self.config.start * trainer.total_epochs:
            return
        if self._average is None:
            self._average = self._averaged(network)
        self._average.update_parameters(network)

    def on_epoch_end(self, trainer: Any, logs: dict[str, Any]) -> None:
        """Put the average into the network after the last epoch, before its checkpoint is written."""
        del logs
        network = self._trained(trainer)
        if network is not None and self._average is not None and trainer.epoch == trainer.total_epochs:
            network.load_state_dict(self._average.module.state_dict())
            self._average = None

    def state_dict(self) -> dict[str, Any]:
        """The average so far."""
        return dict(self._kept if self._average is None else self._average.state_dict())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Keep the average until training begins."""
        self._kept = dict(state)

    def _averaged(self, network: nn.Module) -> AveragedModel:
        decay = self.config.decay
        function = None if decay is None else get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        return AveragedModel(network, multi_avg_fn=function, use_buffers=True)

    def _trained(self, trainer: Any) -> nn.Module | None:
        """The network, if this stage trains it."""
        networks: dict[str, nn.Module] = dict(trainer.model.networks.items())
        network = networks.get(self.config.network)
        return network if network is not None and any(one.requires_grad for one in network.parameters()) else None
