"""Cross attention between branches (equations 2 and 3 of the paper)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Settings
from xdistill.interfaces.encoder import Encoding
from xdistill.interfaces.fusion import BranchSpec, Fusion
from xdistill_cmdnet.attention import Normalize, attend

_PAIR = 2


class CrossAttention(Fusion):
    """Every branch attends to all branches; the results are concatenated.

    For two branches X and Y, with queries, keys and values from a linear layer of each branch::

        X' = weight(Q_x K_x^T) V_x + weight(Q_x K_y^T) V_y        (equation 2)
        Y' = weight(Q_y K_x^T) V_x + weight(Q_y K_y^T) V_y        (equation 3)

    which extends to more branches. With ``tokens: vectors`` each branch is one token, so that
    ``normalize: per_source`` weighs each branch by one and makes X' and Y' equal. With ``tokens: voxels`` the
    positions of the last maps are the tokens, and each result is averaged over them; the branch's vector is
    then not part of the fused path, and only its distillation trains the layer that computes it.

    Raises:
        SettingsError: for fewer than two branches, branches without maps, and switches that do not go together.
    """

    name = "cross_attention"
    config: Config

    class Config(Settings):
        """The readings of the paper; see docs/paper.md, rows 1 to 4."""

        tokens: Literal["vectors", "voxels"] = Field(
            default="vectors", description="attend over the branches' vectors, or over positions of their maps"
        )
        normalize: Normalize = Field(
            default="joint", description="softmax over all keys, over each branch's own keys, or the bare product"
        )
        variant: Literal["equation", "text"] = Field(
            default="equation",
            description="X' as equation 2 has it, or with Q_y for Y's keys as the text has it (two branches only)",
        )
        residual: bool = Field(default=False, description="add each branch's tokens to its result")
        share_kv: bool = Field(
            default=True, description="one key and one value per branch; false: separate ones for each result"
        )
        heads: Annotated[int, Field(ge=1)] = Field(default=1, description="attention heads; the paper has one")
        width: Annotated[int, Field(ge=1)] | None = Field(
            default=None, description="length of queries, keys and values; null: of the widest branch"
        )

    def __init__(self, config: Config, *, branches: Mapping[str, BranchSpec]) -> None:
        super().__init__(config, branches=branches)
        _check_branches(config, branches)
        lengths = _token_widths(config, branches)
        inner = config.width or max(lengths.values())
        _check_widths(config, inner, lengths)
        self.names = tuple(branches)
        self.inner = inner
        self.query = nn.ModuleDict({name: nn.Linear(length, inner) for name, length in lengths.items()})
        answers = 1 if config.share_kv else len(branches)
        # One matrix product computes the keys and values of a branch for all results.
        self.key_value = nn.ModuleDict(
            {name: nn.Linear(length, 2 * answers * inner) for name, length in lengths.items()}
        )
        self.width = inner * len(branches)

    def forward(self, encodings: Mapping[str, Encoding]) -> Float[Tensor, "batch width"]:
        """Concatenated results, in the order of the branches."""
        tokens = {name: self._tokens(encodings[name]) for name in self.names}
        queries = {name: self.query[name](tokens[name]) for name in self.names}
        pairs = {name: self.key_value[name](tokens[name]).split(self.inner, dim=-1) for name in self.names}
        answers = [
            self._answer(position, name, tokens=tokens, queries=queries, pairs=pairs)
            for position, name in enumerate(self.names)
        ]
        return torch.cat(answers, dim=-1)

    def _tokens(self, encoding: Encoding) -> Float[Tensor, "batch tokens width"]:
        if self.config.tokens == "vectors":
            return encoding.vector.unsqueeze(1)
        if encoding.map is None:
            msg = "an encoder announced map_channels and returned no map"
            raise TypeError(msg)
        return encoding.map.flatten(2).mT

    def _answer(
        self,
        position: int,
        name: str,
        *,
        tokens: Mapping[str, Tensor],
        queries: Mapping[str, Tensor],
        pairs: Mapping[str, tuple[Tensor, ...]],
    ) -> Float[Tensor, "batch inner"]:
        first = 0 if self.config.share_kv else 2 * position
        keys = [pairs[source][first] for source in self.names]
        values = [pairs[source][first + 1] for source in self.names]
        own = self.config.variant == "text" and position == 0
        if own and self.config.tokens == "voxels":
            # Branches may differ in their number of positions, so the parts are averaged before they are added;
            # without a joint softmax (refused above) that is the same sum.
            parts = [
                self._attend([queries[source]], [key], [value]).mean(dim=1)
                for source, key, value in zip(self.names, keys, values, strict=True)
            ]
            answer = torch.stack(parts).sum(dim=0)
        else:
            asked = [queries[source if own else name] for source in self.names]
            answer = self._attend(asked, keys, values).mean(dim=1)
        return answer + tokens[name].mean(dim=1) if self.config.residual else answer

    def _attend(self, queries: list[Tensor], keys: list[Tensor], values: list[Tensor]) -> Tensor:
        return attend(queries, keys, values, normalize=self.config.normalize, heads=self.config.heads)


def _check_branches(config: CrossAttention.Config, branches: Mapping[str, BranchSpec]) -> None:
    if len(branches) < _PAIR:
        raise SettingsError(
            f"cross attention joins two or more branches, but there is {', '.join(branches) or 'none'}; leave "
            f"`fusion` out for a single branch"
        )
    if config.variant == "text" and len(branches) != _PAIR:
        raise SettingsError(
            f"`variant: text` is defined for two branches, but there are {len(branches)}; use `variant: equation`",
            field="variant",
        )
    if config.variant == "text" and config.tokens == "voxels" and config.normalize == "joint":
        raise SettingsError(
            "with `variant: text` each branch's positions have their own queries, so there is no joint softmax over "
            "the keys; with `tokens: voxels` set `normalize: per_source` or `none`",
            field="normalize",
        )


def _token_widths(config: CrossAttention.Config, branches: Mapping[str, BranchSpec]) -> dict[str, int]:
    if config.tokens == "vectors":
        return {name: spec.width for name, spec in branches.items()}
    flat = [name for name, spec in branches.items() if not spec.map_channels]
    if flat:
        raise SettingsError(f"the branch {flat[0]!r} has no map to attend to; use `tokens: vectors`", field="tokens")
    return {name: spec.map_channels for name, spec in branches.items()}


def _check_widths(config: CrossAttention.Config, inner: int, lengths: Mapping[str, int]) -> None:
    if inner % config.heads:
        raise SettingsError(f"a width of {inner} cannot be split into {config.heads} heads", field="heads")
    unequal = [name for name, length in lengths.items() if length != inner]
    if config.residual and unequal:
        raise SettingsError(
            f"the residual adds tokens of {unequal[0]!r}, of length {lengths[unequal[0]]}, to a result of length "
            f"{inner}; give all branches and the attention one width, or leave the residual out",
            field="residual",
        )
