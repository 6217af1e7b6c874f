"""ShaSpec's two auxiliary losses, on the features of one network."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Settings
from xdistill.interfaces.loss import TaskLoss, TrainingFacts, check_taps
from xdistill.types import Batch, Output, OutputSpec
from xdistill_crossmodal.base import full

Vectors = Sequence[Float[Tensor, "batch width"]]


class BranchesConfig(Settings):
    """Which features."""

    taps: Annotated[tuple[str, ...], Field(min_length=2)] = Field(
        description="one feature of each modality, such as `shared.hbp` and `shared.clinical`"
    )


class BranchLoss(TaskLoss):
    """A loss of features of several modalities, vectors of one length.

    Raises:
        SettingsError: for taps that the network lacks, or that are not vectors of one length.
    """

    config: BranchesConfig
    Config = BranchesConfig

    def __init__(self, config: BranchesConfig, *, output: OutputSpec, training: TrainingFacts) -> None:
        super().__init__(config, output=output, training=training)
        check_taps(config.taps, output, network="network")
        shapes = {tap: tuple(output.features[tap]) for tap in config.taps}
        if len(set(shapes.values())) > 1 or any(len(shape) != 1 for shape in shapes.values()):
            raise SettingsError(f"these taps should be vectors of one length, got {shapes}", field="taps")

    def features(self, output: Output) -> list[Float[Tensor, "batch width"]]:
        """The features, in float32 at least."""
        return [full(output.features[tap]) for tap in self.config.taps]


def alignment(features: Vectors) -> Float[Tensor, ""]:
    """The sum over pairs of modalities of the mean absolute difference of their features."""
    return torch.stack([F.l1_loss(one, other) for one, other in combinations(features, 2)]).sum()


def domain_cost(logits: Vectors) -> Float[Tensor, ""]:
    """The cross entropy of telling which modality each feature is of: the first logits are of modality 0, and so on."""
    targets = [torch.full((len(values),), index, device=values.device) for index, values in enumerate(logits)]
    return F.cross_entropy(torch.cat(list(logits)), torch.cat(targets))


class SharedAlignment(BranchLoss):
    r"""ShaSpec's distribution alignment: the shared features of a subject's modalities are alike.

    .. math:: L = \sum_{m < n} \frac{1}{B d} \sum_i \lVert s_i^m - s_i^n \rVert_1

    After Wang et al., CVPR 2023; see `shaspec`. The L1 distance is the paper's choice. A missing modality's shared
    feature is filled with the mean of the others, so that it adds nothing for two modalities.

    Inferred: the sum is over all pairs, as in the paper; the code has the four neighbours in a ring of four sequences.
    """

    name = "shaspec_alignment"

    def forward(self, output: Output, batch: Batch) -> Float[Tensor, ""]:
        """The mean over the batch."""
        del batch
        return alignment(self.features(output))


class SpecificDomain(BranchLoss):
    r"""ShaSpec's domain classification: the specific feature of a modality tells which modality it is.

    .. math:: L = -\frac{1}{B M} \sum_i \sum_m \log \text{softmax}(W r_i^m)_m

    After Wang et al., CVPR 2023; see `shaspec`. The taps are the logits ``domain.m``; the class of each is its place in
    ``taps``.

    Raises:
        SettingsError: for more taps than the classifier has outputs.
    """

    name = "shaspec_domain"

    def __init__(self, config: BranchesConfig, *, output: OutputSpec, training: TrainingFacts) -> None:
        super().__init__(config, output=output, training=training)
        (width,) = output.features[config.taps[0]]
        if width < len(config.taps):
            raise SettingsError(f"{len(config.taps)} modalities and {width} outputs to tell them by", field="taps")

    def forward(self, output: Output, batch: Batch) -> Float[Tensor, ""]:
        """The mean over the batch and the modalities."""
        del batch
        return domain_cost(self.features(output))
