"""The transform ``tabular`` as operations on tensors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from xdistill_tabular.learned import CategoricalColumn, Learned, NumericColumn

_NEAR_ZERO = 2.0**-52  # below it scipy takes the limits of the Yeo-Johnson transform


class TabularOperations(nn.Module):
    """``(subjects, columns)`` in float64 to float32, as `TabularTransform.apply`; NaN is missing.

    Args:
        learned: what was fitted.
    """

    order: Tensor

    def __init__(self, learned: Learned) -> None:
        super().__init__()
        numeric, categories, others = [], [], []
        for place, column in enumerate(learned.columns):
            if isinstance(column, NumericColumn):
                numeric.append((place, column))
            elif isinstance(column, CategoricalColumn):
                categories += [(place, index) for index in column.seen]
            else:
                others.append(place)
        made: list[tuple[nn.Module, Sequence[int]]] = []
        if numeric:
            made.append((_Numeric(numeric), [place for place, _ in numeric]))
        if categories:
            made.append((_Categories(categories), [place for place, _ in categories]))
        if others:
            made.append((_Filled(others), others))
        if learned.indicated:
            after = len(learned.columns)  # indicators come after all columns
            made.append((_Missing(learned.indicated), [after] * len(learned.indicated)))
        self.parts = nn.ModuleList(part for part, _ in made)
        places = torch.tensor([place for _, own in made for place in own], dtype=torch.int64)
        self.register_buffer("order", places.argsort(stable=True))

    def forward(self, values: Float[Tensor, "batch columns"]) -> Float[Tensor, "batch transformed"]:
        """Transform a batch."""
        if not len(self.parts):
            return values[:, :0].float()
        joined = torch.cat([part(values) for part in self.parts], dim=1)
        return joined.index_select(1, self.order).float()


class _Numeric(nn.Module):
    """Imputes, bends and scales."""

    places: Tensor
    fill: Tensor
    center: Tensor
    spread: Tensor
    power: Tensor

    def __init__(self, columns: Sequence[tuple[int, NumericColumn]]) -> None:
        super().__init__()
        self.register_buffer("places", torch.tensor([place for place, _ in columns]))
        for name in ("fill", "center", "spread", "power"):
            values = [getattr(column, name) for _, column in columns]
            self.register_buffer(name, torch.tensor(values, dtype=torch.float64))
        self.bent = any(column.power != 1.0 for _, column in columns)

    def forward(self, values: Tensor) -> Tensor:
        own = values.index_select(1, self.places)
        own = torch.where(own.isnan(), self.fill, own)
        if self.bent:
            own = torch.where(self.power == 1.0, own, _yeo_johnson(own, self.power))
        constant = self.spread == 0
        scaled = (own - self.center) / torch.where(constant, 1.0, self.spread)
        return torch.where(constant, 0.0, scaled)


class _Categories(nn.Module):
    """One column for each category: whether the value is that one."""

    places: Tensor
    seen: Tensor

    def __init__(self, columns: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        self.register_buffer("places", torch.tensor([place for place, _ in columns]))
        self.register_buffer("seen", torch.tensor([index for _, index in columns], dtype=torch.float64))

    def forward(self, values: Tensor) -> Tensor:
        return (values.index_select(1, self.places) == self.seen).to(values.dtype)


class _Filled(nn.Module):
    """Missing values become zeros."""

    places: Tensor

    def __init__(self, places: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("places", torch.tensor(places))

    def forward(self, values: Tensor) -> Tensor:
        own = values.index_select(1, self.places)
        return torch.where(own.isnan(), 0.0, own)


class _Missing(nn.Module):
    """Whether values are missing."""

    places: Tensor

    def __init__(self, places: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("places", torch.tensor(places))

    def forward(self, values: Tensor) -> Tensor:
        return values.index_select(1, self.places).isnan().to(values.dtype)


def _yeo_johnson(values: Tensor, power: Tensor) -> Tensor:
    """The Yeo-Johnson transform, as ``scipy.stats.yeojohnson`` computes it."""
    return torch.where(values >= 0, _bent(values.clamp(min=0), power), -_bent((-values).clamp(min=0), 2 - power))


def _bent(values: Tensor, power: Tensor) -> Tensor:
    """``((1 + x) ** power - 1) / power``, and its limit for a power of zero."""
    logarithm = values.log1p()
    limit = power.abs() < _NEAR_ZERO
    return torch.where(limit, logarithm, (power * logarithm).expm1() / torch.where(limit, 1.0, power))
