"""The clinical self-supervision that the paper describes and its total loss leaves out (row 12)."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Settings
from xdistill.interfaces.loss import TaskLoss, TrainingFacts, check_taps
from xdistill.suggest import did_you_mean
from xdistill.types import Batch, ColumnSpec, Output, OutputSpec


def masked_mean_square(
    predicted: Float[Tensor, "batch items"],
    actual: Float[Tensor, "batch items"],
    known: Bool[Tensor, "batch items"],
) -> Float[Tensor, ""]:
    """The mean of squared differences over the known entries; zero when there is none."""
    squares = (predicted - actual).square().where(known, 0.0)
    return squares.sum() / known.sum().clamp(min=1)


class ClinicalReconstruction(TaskLoss):
    """A decoder predicts the clinical items from a network's features; its error is the loss.

    Entries that were missing, according to an indicator column, do not count, nor do the indicators themselves.
    The decoder belongs to the loss: it is trained with the network and is not part of it.
    """

    name = "clinical_reconstruction"
    config: Config
    items: Tensor
    indicators: Tensor

    class Config(Settings):
        """What is predicted from what."""

        taps: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
            default=("fused",), description="features that the decoder reads, concatenated"
        )
        modality: str = Field(default="clinical", description="the vector modality that is predicted")
        items: Annotated[tuple[str, ...], Field(min_length=1)] | None = Field(
            default=None, description="names of the items that are predicted; null: all"
        )
        hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field(
            default=(), description="lengths of the decoder's hidden layers"
        )

    def __init__(self, config: Config, *, output: OutputSpec, training: TrainingFacts) -> None:
        super().__init__(config, output=output, training=training)
        check_taps(config.taps, output, network="network")
        columns = _columns(config.modality, training)
        items = _chosen(config, columns)
        self.register_buffer("items", torch.tensor(items), persistent=False)
        self.register_buffer("indicators", torch.tensor(_indicator_of(columns, items)), persistent=False)
        length = sum(int(torch.Size(output.features[tap]).numel()) for tap in config.taps)
        self.decoder = _decoder(length, *config.hidden, len(items))

    @classmethod
    def predicted(cls, config: Any) -> tuple[str, ...]:
        """The modality of the items."""
        return (str(config.modality),)

    def forward(self, output: Output, batch: Batch) -> Float[Tensor, ""]:
        """The mean over known entries of all subjects."""
        features = torch.cat([output.features[tap].flatten(1) for tap in self.config.taps], dim=-1)
        clinical = batch.inputs[self.config.modality]
        known = self._known(clinical) & batch.present[self.config.modality].unsqueeze(1)
        actual = clinical[:, self.items]
        precise = torch.promote_types(actual.dtype, torch.float32)  # squares of half-precision numbers are too coarse
        return masked_mean_square(self.decoder(features).to(precise), actual.to(precise), known)

    def _known(self, clinical: Float[Tensor, "batch columns"]) -> Bool[Tensor, "batch items"]:
        has_none = self.indicators < 0
        return has_none | (clinical[:, self.indicators.clamp(min=0)] == 0)


def _decoder(*sizes: int) -> nn.Sequential:
    """Fully connected layers of these lengths, the input's first, with ReLU between them."""
    layers: list[nn.Module] = []
    for inside, outside in pairwise(sizes):
        layers += [nn.ReLU(), nn.Linear(inside, outside)]
    return nn.Sequential(*layers[1:])


def _chosen(config: ClinicalReconstruction.Config, columns: tuple[ColumnSpec, ...]) -> list[int]:
    """The places of the columns that are predicted; an item of several categories has several."""
    places = {index: column.source or column.name for index, column in enumerate(columns) if column.kind != "indicator"}
    if not places:
        raise SettingsError(f"the modality {config.modality!r} has no items to predict", field="modality")
    if config.items is None:
        return list(places)
    known = set(places.values())
    for item in config.items:
        if item not in known:
            raise SettingsError(
                f"the modality {config.modality!r} has no item {item!r}{did_you_mean(item, known)}", field="items"
            )
    return [index for index, source in places.items() if source in config.items]


def _columns(modality: str, training: TrainingFacts) -> tuple[ColumnSpec, ...]:
    spec = training.schema.modalities.get(modality)
    if spec is None or spec.kind != "vector":
        vectors = [name for name, other in training.schema.modalities.items() if other.kind == "vector"]
        raise SettingsError(
            f"there is no vector modality {modality!r} to predict; vector modalities: {', '.join(vectors) or 'none'}",
            field="modality",
        )
    return spec.columns or tuple(ColumnSpec(name=str(index)) for index in range(spec.shape[0]))


def _indicator_of(columns: tuple[ColumnSpec, ...], items: list[int]) -> list[int]:
    """For each item the index of the column that indicates that it was missing; -1 if there is none."""
    index_of = {column.source: index for index, column in enumerate(columns) if column.kind == "indicator"}
    return [index_of.get(columns[item].source or columns[item].name, -1) for item in items]
