"""Outputs whose logits are computed from features and inputs: for losses that differentiate through the networks."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

import torch
from jaxtyping import Float
from torch import Tensor

from xdistill.types import Batch, Output


def connected(output: Output, batch: Batch) -> Output:
    """The output as if a network had computed its logits from the features and from the inputs of the batch.

    Equal outputs give equal results. Features that do not require gradients are replaced by copies that do.
    """
    features = {
        name: value if value.requires_grad else value.detach().requires_grad_()
        for name, value in output.features.items()
    }
    logits = output.logits
    for value in features.values():
        logits = logits + _scores(value, logits.shape[1])
    for value in batch.inputs.values():
        logits = logits + output.logits * _scores(value, logits.shape[1]).to(logits.dtype)
    return replace(output, logits=logits, features=features)


def _scores(value: Float[Tensor, "batch ..."], classes: int) -> Float[Tensor, "batch classes"]:
    flat = value.flatten(1).tanh()
    weight = torch.randn((flat.shape[1], classes), generator=torch.Generator().manual_seed(flat.shape[1]))
    scores: Tensor = flat @ weight.to(flat) / sqrt(flat.shape[1])
    return scores
