"""Gradients of a class's logit, as losses that match gradients take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from xdistill.errors import SettingsError
from xdistill.types import Batch, Output
from xdistill_losses.base import labels

Scored = Literal["target", "teacher"]


def scored_classes(of: Scored, teacher: Output, batch: Batch) -> Int[Tensor, " batch"]:
    """The class of each subject whose logit is differentiated: the true one, or the one that the teacher predicts."""
    return labels(batch) if of == "target" else teacher.logits.detach().argmax(dim=1)


def gradients_of(
    output: Output, classes: Int[Tensor, " batch"], sources: Mapping[str, Tensor], *, network: str, field: str
) -> dict[str, Float[Tensor, "batch ..."]]:
    """The gradient of each subject's logit with respect to every source, ``(batch, …)`` as the source.

    The sum over subjects is differentiated once. A subject's row is the gradient of its own logit alone if subjects do
    not influence each other; in train mode batch norm couples them.

    Args:
        output: of the network.
        classes: one per subject.
        sources: tensors that the logits depend on, by name.
        network: ``student``, whose gradients can be differentiated again; those of the ``teacher`` are constants.
        field: of the settings that names the sources.

    Raises:
        SettingsError: for a source that the logits do not depend on.
    """
    logit = output.logits.gather(1, classes[:, None]).sum()
    learns = network == "student" and torch.is_grad_enabled()
    differentiable = {name: value for name, value in sources.items() if value.requires_grad}
    found: dict[str, Tensor | None] = {}
    if logit.requires_grad and differentiable:
        gradients = torch.autograd.grad(
            logit, list(differentiable.values()), create_graph=learns, retain_graph=True, allow_unused=True
        )
        found = dict(zip(differentiable, gradients, strict=True))
    present = {name: value for name, value in found.items() if value is not None}
    for name in sources:
        if name not in present:
            raise SettingsError(
                f"the logits of the {network} do not depend on {name!r}, so they have no gradient with respect to it; "
                f"name in `{field}` what the {network} computes its logits from",
                field=field,
            )
    return present
