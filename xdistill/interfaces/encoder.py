"""Encoders: one branch of a network, from one or more modalities to a vector."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor, nn

from xdistill.interfaces.component import Component, Settings
from xdistill.types import ModalitySpec


@dataclass(frozen=True)
class Encoding:
    """What an encoder makes of a batch.

    Attributes:
        vector: ``(batch, width)``.
        map: the last feature map ``(batch, channels, *space)``, for fusions that attend over positions.
    """

    vector: Float[Tensor, "batch width"]
    map: Float[Tensor, "batch channels ..."] | None = None


class Encoder(Component, nn.Module):
    """From the modalities in ``config.inputs`` to an `Encoding`.

    ``__init__(config, *, inputs)`` gets the `ModalitySpec` of each of its modalities, in the recipe's order,
    and sets `width` (and `map_channels` when it returns maps).

    Attributes:
        width: length of the vector.
        map_channels: channels of the map, 0 when there is none.
    """

    width: int
    map_channels: int = 0

    class Config(Settings):
        """Every encoder names the modalities it reads; subclass ``Encoder.Config`` for more."""

        inputs: tuple[str, ...]

    def __init__(self, config: Encoder.Config, *, inputs: Mapping[str, ModalitySpec]) -> None:
        super().__init__()
        self.config = config
        self.modalities = dict(inputs)

    @abstractmethod
    def forward(
        self, inputs: Mapping[str, Float[Tensor, "batch ..."]], present: Mapping[str, Bool[Tensor, " batch"]]
    ) -> Encoding:
        """Encode a batch. Subjects without a modality hold zeros there and False in ``present``."""
