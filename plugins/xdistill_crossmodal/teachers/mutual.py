"""Mutual learning: networks that are trained together, each on the predictions of the others."""

from __future__ import annotations

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from xdistill.interfaces.loss import TaskLoss, TrainingFacts
from xdistill.types import Batch, Output, OutputSpec
from xdistill_crossmodal.teachers.members import MembersConfig, chosen_members, divergence, member_logits


def mutual_divergence(
    logits: Float[Tensor, "members batch classes"], *, temperature: float, detach: bool, average: bool
) -> Float[Tensor, ""]:
    """``sum_k sum_{l != k} KL(p_l || p_k)``, mean over the batch; see `MutualMembers`."""
    guides = logits.detach() if detach else logits
    count = len(logits)
    # KL of every pair; that of a member and itself is zero.
    pairs = divergence(logits[:, None].expand(count, *logits.shape), guides.expand(count, *logits.shape), temperature)
    total = pairs.mean(dim=-1).sum()
    return total / (count - 1) if average else total


class MutualMembers(TaskLoss):
    r"""Mutual learning among the members of `several`: each learns from the predictions of all others.

    .. math::
        L = \sum_k \frac{1}{K-1} \sum_{l \ne k} T^2\, \text{KL}(p_l \Vert p_k)

    After Zhang, Xiang, Hospedales and Lu, Deep mutual learning, CVPR 2018, for K networks: it is added to the cross
    entropy of each network. No gradient flows into :math:`p_l`. It is a term ``on: teacher`` of a stage that trains the
    members. Between student and teacher no loss of its own is needed: two terms in a stage that trains both,
    ``{use: kd, temperature: 1}`` and ``{use: kd, temperature: 1, teaches: teacher}``. With `dkd` in place of `kd` both
    learn by decoupled distillation (Zhao et al., CVPR 2022).

    Inferred: the paper updates the networks one after the other, each on predictions that are computed again; here, as
    in most re-implementations, one step updates all of them. It has no temperature, which is T = 1, the default here.

    Raises:
        SettingsError: for a network with fewer than two members.
    """

    name = "mutual_members"
    tasks = ("classification",)
    config: Config

    class Config(MembersConfig):
        """Which members, the temperature, and the direction of the gradient."""

        temperature: float = Field(default=1.0, gt=0, description="T, by which the logits are divided")
        detach: bool = Field(default=True, description="no gradient flows into the member that is learned from")
        average: bool = Field(default=True, description="divide by the number of other members")

    def __init__(self, config: Config, *, output: OutputSpec, training: TrainingFacts) -> None:
        super().__init__(config, output=output, training=training)
        self.members = chosen_members(config, output)

    def forward(self, output: Output, batch: Batch) -> Float[Tensor, ""]:
        """The mean over the batch."""
        del batch
        return mutual_divergence(
            member_logits(output, self.members),
            temperature=self.config.temperature,
            detach=self.config.detach,
            average=self.config.average,
        )
