"""OGM-GE."""

from __future__ import annotations

from collections.abc import Sequence
from math import tanh
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn

from xdistill.errors import SettingsError
from xdistill.interfaces import Callback, Settings
from xdistill.types import Batch

SMALLEST = 1e-8


def coefficients(scores: Sequence[float], alpha: float) -> list[float]:
    """``1 - tanh(alpha * rho)`` for a branch whose score is rho times the mean of the others' and rho > 1, else 1.

    >>> [round(value, 4) for value in coefficients([3.0, 1.5], 0.5)]
    [0.2384, 1.0]
    """
    ratios = [
        score * (len(scores) - 1) / max(sum(scores) - score, SMALLEST) if len(scores) > 1 else 1.0 for score in scores
    ]
    return [1 - tanh(alpha * ratio) if ratio > 1 else 1.0 for ratio in ratios]


class OnTheFlyModulation(Callback):
    r"""Slows down the branch that dominates a network of several modalities, and adds noise to its branches' gradients.

    .. math::
        s_m = \sum_i \text{softmax}(W_m f_{m,i} + b / M)_{y_i}, \quad
        \rho_m = \frac{s_m}{\text{mean}_{n \ne m} s_n}, \quad
        k_m = \begin{cases} 1 - \tanh(\alpha \rho_m) & \rho_m > 1 \\ 1 & \text{otherwise} \end{cases}, \quad
        g_m \leftarrow k_m g_m + \epsilon

    with ε normal noise of the standard deviation of the gradient (generalisation enhancement, ``noise``). After Peng et
    al., Balanced multimodal learning via on-the-fly gradient modulation, CVPR 2022. It works on `multibranch`, whose
    branches are its modalities. ``alpha: 0`` and ``noise: false`` together are the ablation: nothing is changed.

    Inferred: as in the official code, gradients of weights with two axes or more are changed, and not of biases and
    norms. The paper has two modalities; with more, a branch is compared with the mean of the others. A branch's score
    is the head's output for its part of the fused vector, other parts being zero, less (1 - 1 / M) of the output for
    zeros: exactly the formula for a linear head. A fusion such as cross attention must have one part per branch.

    Raises:
        SettingsError: for a network without branches and head, or whose fused vector is not that of its branches.
    """

    name = "ogm_ge"
    config: Config

    class Config(Settings):
        """Which network, how much, and when."""

        network: Literal["teacher", "student"] = Field(default="teacher", description="the network to balance")
        alpha: Annotated[float, Field(ge=0, le=10)] = Field(
            default=0.5, description="how much the dominant branch is slowed down"
        )
        noise: bool = Field(default=True, description="whether noise is added to the branches' gradients (GE)")
        begin: Annotated[int, Field(ge=1)] = Field(default=1, description="first epoch of the modulation")
        end: Annotated[int, Field(ge=1)] | None = Field(default=None, description="last epoch; null: that of the stage")

    def on_train_begin(self, trainer: Any) -> None:
        """Watch the network, if the stage trains it."""
        self._targets: dict[str, int] = {}
        self._fused: tuple[tuple[str, ...], Tensor] | None = None
        self._hooks: list[Any] = []
        network = dict(trainer.model.networks).get(self.config.network)
        if network is None or not any(value.requires_grad for value in network.parameters()):
            return
        _check(network, self.config.network)
        self._hooks = [
            network.register_forward_pre_hook(self._remember_subjects),
            network.head.register_forward_pre_hook(self._remember_fused),
        ]

    def on_train_end(self, trainer: Any) -> None:
        """Stop watching it."""
        del trainer
        for hook in self._hooks:
            hook.remove()

    def on_batch_begin(self, trainer: Any, batch: Batch) -> None:
        """Remember the targets of the subjects that have a label."""
        del trainer
        if batch.target is not None:
            labelled = [True] * len(batch) if batch.labelled is None else batch.labelled.tolist()
            rows = zip(batch.subjects, batch.target.tolist(), labelled, strict=True)
            self._targets = {name: target for name, target, has_label in rows if has_label}

    def on_backward_end(self, trainer: Any) -> None:
        """Change the gradients of the branches."""
        last = self.config.end or trainer.total_epochs
        if not self._hooks or self._fused is None or not self.config.begin <= trainer.epoch <= last:
            return
        subjects, fused = self._fused
        network = trainer.model.networks[self.config.network]
        known = [index for index, name in enumerate(subjects) if name in self._targets]
        if not known:
            return
        target = torch.tensor([self._targets[subjects[index]] for index in known], device=fused.device)
        scores = branch_scores(network.head, fused[known], _widths(network, fused), target)
        for (_, branch), factor in zip(network.branches.items(), coefficients(scores, self.config.alpha), strict=True):
            _change(branch, factor, noise=self.config.noise)

    def _remember_subjects(self, network: nn.Module, inputs: tuple[Batch, ...]) -> None:
        del network
        self._subjects = inputs[0].subjects

    def _remember_fused(self, head: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if head.training and torch.is_grad_enabled():
            self._fused = (self._subjects, inputs[0].detach())


def branch_scores(
    head: nn.Module, fused: Float[Tensor, "batch width"], widths: Sequence[int], target: Int[Tensor, " batch"]
) -> list[float]:
    """The sum over the batch of each branch's probability of the true class."""
    count, begin = len(widths), 0
    scores = []
    training = head.training
    head.eval()
    with torch.no_grad():
        offset = (1 - 1 / count) * head(torch.zeros_like(fused))
        for width in widths:
            part = torch.zeros_like(fused)
            part[:, begin : begin + width] = fused[:, begin : begin + width]
            begin += width
            probabilities = torch.softmax((head(part) - offset).float(), dim=1)
            scores.append(float(probabilities.gather(1, target[:, None]).sum()))
    head.train(training)
    return scores


def _check(network: nn.Module, role: str) -> None:
    branches = getattr(network, "branches", None)
    if not isinstance(branches, nn.ModuleDict) or not isinstance(getattr(network, "head", None), nn.Module):
        raise SettingsError(f"ogm_ge balances the branches of a network, and the {role} has none; use multibranch")


def _widths(network: Any, fused: Tensor) -> list[int]:
    """The length of each branch's part of the fused vector."""
    widths = [int(branch.width) for branch in network.branches.values()]
    if sum(widths) != fused.shape[1]:
        raise SettingsError(
            f"ogm_ge needs a fused vector with one part per branch: the branches have {sum(widths)} values and the "
            f"fused vector has {fused.shape[1]}; use the fusion concat"
        )
    return widths


def _change(branch: nn.Module, factor: float, *, noise: bool) -> None:
    for parameter in branch.parameters():
        if parameter.grad is None or parameter.ndim <= 1:
            continue
        gradient = parameter.grad * factor
        if noise and gradient.numel() > 1:
            gradient = gradient + torch.randn_like(gradient) * (parameter.grad.std() + SMALLEST)
        parameter.grad = gradient
