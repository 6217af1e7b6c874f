"""What losses of several teachers share: the members of an output, and divergences between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Settings
from xdistill.types import Output, OutputSpec
from xdistill_crossmodal.base import full

Logits = Float[Tensor, "batch classes"]


class MembersConfig(Settings):
    """Which members of the teacher, and the temperature of their predictions."""

    members: tuple[str, ...] = Field(default=(), description="names of the teacher's members; by default all")
    temperature: Annotated[float, Field(gt=0)] = Field(default=4.0, description="T, by which the logits are divided")


def chosen_members(config: MembersConfig, spec: OutputSpec, *, least: int = 2) -> tuple[str, ...]:
    """The names of the members that a loss compares.

    Raises:
        SettingsError: for a teacher without members, a name that it does not have, or too few.
    """
    if not spec.aux:
        raise SettingsError("the teacher has no members; use a teacher such as `several`", field="members")
    for name in config.members:
        if name not in spec.aux:
            raise SettingsError(
                f"the teacher has no member {name!r}; its members are: {', '.join(spec.aux)}", field="members"
            )
    names = config.members or tuple(name for name in spec.aux if "." not in name)
    if len(set(names)) < least:
        raise SettingsError(f"this loss compares at least {least} members, got {', '.join(names)}", field="members")
    return names


def member_logits(output: Output, names: Sequence[str]) -> Float[Tensor, "members batch classes"]:
    """The logits of each member, in float32 at least."""
    return torch.stack([full(output.aux[name]) for name in names])


def divergence(
    student: Float[Tensor, "*any classes"], teacher: Float[Tensor, "*any classes"], temperature: float
) -> Float[Tensor, "*any"]:
    """``T^2 KL(softmax(teacher / T) || softmax(student / T))``, a sum over classes."""
    q, p = (F.log_softmax(value / temperature, dim=-1) for value in (student, teacher))
    return F.kl_div(q, p, reduction="none", log_target=True).sum(dim=-1) * temperature**2
