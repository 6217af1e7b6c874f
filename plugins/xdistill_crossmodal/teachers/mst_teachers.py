"""The teachers of MST-Distill: several networks, and specialised copies of them whose features are masked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import torch
from jaxtyping import Float
from pydantic import Field, ValidationInfo, field_validator
from torch import Tensor, nn

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Settings
from xdistill.types import Batch, Output, Schema
from xdistill_crossmodal.teachers.several import Several, labelled, usable


class Specialised(Settings):
    """A member whose features are masked at one place."""

    member: str = Field(description="name of the member")
    at: str = Field(description="dotted path of the part of it whose output is masked, such as `layers.0`")


class MaskSettings(Settings):
    """The masking networks."""

    reduction: Annotated[int, Field(ge=1)] = Field(
        default=2, description="the embedding of each channel has about channels / reduction values"
    )
    heads: Annotated[int, Field(ge=1)] = Field(default=3, description="heads of the self attention over channels")


class MstTeachers(Several):
    r"""Several teachers, and specialised ones: members of which the features of one layer are masked.

    .. math::
        h' = m(h) \odot h, \qquad m(h) = \sigma(W\, \text{attention}(E(h)))

    A mask has one value from 0 to 1 for each channel of the layer: E embeds each channel, self attention relates them,
    and W maps each to one number. The masks are trained, as ``teacher.masks``, to bring the specialised teacher's
    predictions near the student's, which keeps what the student's modality can show; the members stay as they are::

        train: [teacher.masks]
        objective: [{use: kd, teaches: teacher, output: NAME}]   # for each specialised teacher

    The auxiliary logits of a specialised teacher have its name, as those of a member. The combined logits are those of
    the members alone. The loss `mst_distill` chooses among the specialised teachers for each subject.

    After Li, Yang, Chen, Dong, Chen and Wang, MST-Distill: mixture of specialized teachers for cross-modal knowledge
    distillation, ACM Multimedia 2025, and the authors' code, from which the masking network, 2 and 3 are taken.

    Inferred: maps and volumes are averaged over space before the embedding; the code has a strided convolution with
    batch norm there, for images. Left out: the code keeps the masks of the best validation epoch of their stage.

    Raises:
        SettingsError: for a part that its member does not have, or whose output is not one tensor per subject.
    """

    name = "mst_teachers"
    config: Config

    class Config(Several.Config):
        """The members, the specialised teachers made of them, and the masks."""

        specialised: Annotated[dict[str, Specialised], Field(min_length=1)] = Field(
            description="by name: a member, and the part of it whose output is masked",
            examples=[{"genes_masked": {"member": "genes", "at": "layers"}}],
        )
        mask: MaskSettings = Field(default=MaskSettings(), description="the masking networks")

        @field_validator("specialised")
        @classmethod
        def _of_members(cls, specialised: dict[str, Specialised], info: ValidationInfo) -> dict[str, Specialised]:
            members = info.data.get("members", {})
            for name, one in specialised.items():
                if not usable(name) or name in members:
                    raise ValueError(f"a specialised teacher cannot be named {name!r}; use another identifier")
                if members and one.member not in members:
                    raise ValueError(f"{name!r} masks an unknown member {one.member!r}; members: {', '.join(members)}")
            return specialised

    def __init__(self, config: Config, *, schema: Schema) -> None:
        super().__init__(config, schema=schema)
        batch = _zeros(schema.restricted_to(self.inputs))
        self.masks = nn.ModuleDict({name: self._mask(name, one, batch) for name, one in config.specialised.items()})

    def forward(self, batch: Batch) -> Output:
        """The output of the members, and logits and taps of each specialised teacher."""
        output = super().forward(batch)
        found = labelled({name: self._specialised(name, batch) for name in self.masks})
        return Output(
            logits=output.logits, features={**output.features, **found["features"]}, aux={**output.aux, **found["aux"]}
        )

    def _specialised(self, name: str, batch: Batch) -> Output:
        one, mask = self.config.specialised[name], self.masks[name]
        member = self.members[one.member]
        # In eval mode, because masked features must not move the statistics of a member that is trained.
        with _evaluating(member), _replacing(member.get_submodule(one.at), mask):
            return self.output_of(one.member, batch)

    def _mask(self, name: str, one: Specialised, batch: Batch) -> Mask:
        field, member = f"specialised.{name}.at", self.members[one.member]
        try:
            part = member.get_submodule(one.at)
        except AttributeError:
            known = ", ".join(path for path, _ in member.named_modules() if path)
            raise SettingsError(f"{one.member!r} has no part {one.at!r}; its parts: {known}", field=field) from None
        seen: list[Any] = []
        with torch.no_grad(), _evaluating(member), _watching(part, seen):
            self.output_of(one.member, batch)
        value = seen[0] if seen else None
        if not isinstance(value, Tensor) or value.ndim < 2 or len(value) != len(batch):  # noqa: PLR2004 - and channels
            raise SettingsError(
                f"the part {one.at!r} of {one.member!r} does not return a tensor of features of each subject; name "
                f"another part",
                field=field,
            )
        return Mask(value.shape[1], self.config.mask)


class Mask(nn.Module):
    """Multiplies each channel by a factor from 0 to 1, which depends on all channels.

    Args:
        channels: how many.
        settings: of the masking network.
    """

    def __init__(self, channels: int, settings: MaskSettings) -> None:
        super().__init__()
        width = max(1, channels // (settings.reduction * settings.heads)) * settings.heads
        self.shape = (channels, width)
        self.embed = nn.Linear(channels, channels * width)
        self.attention = nn.MultiheadAttention(width, settings.heads, batch_first=True)
        self.factor = nn.Linear(width, 1)

    def forward(self, value: Float[Tensor, "batch channels ..."]) -> Float[Tensor, "batch channels ..."]:
        """The masked features."""
        mean = value if value.ndim == 2 else value.flatten(2).mean(dim=2)  # noqa: PLR2004 - batch and channels
        channels = self.embed(mean).reshape(len(value), *self.shape)
        related, _ = self.attention(channels, channels, channels, need_weights=False)
        factors: Tensor = self.factor(related).squeeze(-1).sigmoid()
        return value * factors.reshape(*factors.shape, *[1] * (value.ndim - 2))


@contextmanager
def _replacing(part: nn.Module, mask: nn.Module) -> Iterator[None]:
    """The part's output is passed through the mask."""
    handle = part.register_forward_hook(lambda _part, _inputs, output: mask(output))
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _evaluating(member: nn.Module) -> Iterator[None]:
    """Eval mode; afterwards every part is in the mode that it was in."""
    modes = [(part, part.training) for part in member.modules()]
    member.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


@contextmanager
def _watching(part: nn.Module, seen: list[Any]) -> Iterator[None]:
    handle = part.register_forward_hook(lambda _part, _inputs, output: seen.append(output))
    try:
        yield
    finally:
        handle.remove()


def _zeros(schema: Schema) -> Batch:
    """Two subjects of zeros, to find out the shapes of features."""
    size = 2
    return Batch(
        inputs={name: torch.zeros((size, *spec.shape)) for name, spec in schema.modalities.items()},
        present={name: torch.ones(size, dtype=torch.bool) for name in schema.modalities},
        subjects=tuple(f"zero{index}" for index in range(size)),
    )
