"""ProtoKD's prototype distillation."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from xdistill.interfaces.component import Settings
from xdistill.interfaces.loss import DistillationLoss, check_taps
from xdistill.types import Batch, Output, OutputSpec
from xdistill_crossmodal.base import full, in_full_precision, labels

Rows = Float[Tensor, "batch elements"]
Reference = Literal["classes", "subjects"]
SMALLEST = 1e-5
"""The least length of a vector in a cosine, as in the official code."""


def prototype_similarities(
    features: Rows, target: Int[Tensor, " batch"], present: Int[Tensor, " classes"]
) -> Float[Tensor, "batch classes"]:
    """The cosine of each subject's feature and the mean feature of each class that is present in the batch."""
    members = (target == present[:, None]).to(features.dtype)
    prototypes = members @ features / members.sum(dim=1, keepdim=True)
    return F.cosine_similarity(features[:, None], prototypes[None], dim=2, eps=SMALLEST)


class Prototypes(DistillationLoss):
    r"""The similarity of each subject to the prototype of each class is that of the teacher.

    .. math::
        c_k = \frac{1}{|B_k|} \sum_{i \in B_k} f_i, \quad M_{ik} = \cos(f_i, c_k), \quad
        L = \frac{1}{BK} \sum_i \sum_k (M^s_{ik} - M^t_{ik})^2

    with B_k the subjects of class k in the batch and K the classes that are present. After Wang et al., Prototype
    knowledge distillation for medical segmentation with missing modality (ProtoKD), ICASSP 2023: the teacher has seen
    all modalities, and passes on how classes lie to each other instead of features that a single modality cannot have.
    The paper adds soft labels: use it with `kd`. ``reference: subjects`` is the ablation: the cosine to every subject
    in place of every class's mean.

    Inferred: the paper segments, so that a feature belongs to a voxel and a prototype to an image; here a feature
    belongs to a subject and a prototype to a batch. Maps are averaged over their positions. Gradients flow through the
    student's prototypes too, as in the official code.

    Raises:
        SettingsError: for a tap that a network lacks.
    """

    name = "prototypes"
    tasks = ("classification",)
    config: Config

    class Config(Settings):
        """Which feature, and what it is compared with."""

        taps: tuple[str, ...] = Field(min_length=1, description="features to compare; one term per feature, summed")
        reference: Reference = Field(default="classes", description="compare with the classes' means, or with subjects")

    def __init__(self, config: Config, *, student: OutputSpec, teacher: OutputSpec) -> None:
        super().__init__(config, student=student, teacher=teacher)
        check_taps(config.taps, student, network="student")
        check_taps(config.taps, teacher, network="teacher")

    def forward(self, student: Output, teacher: Output, batch: Batch) -> Float[Tensor, ""]:
        """The sum over the features."""
        own = self.config.reference == "subjects"  # each subject is a class of its own
        target = torch.arange(len(batch), device=student.logits.device) if own else labels(batch)
        present: Tensor = torch.unique(target)
        with in_full_precision(student.logits):
            terms = []
            for tap in self.config.taps:
                both = (_rows(output.features[tap]) for output in (student, teacher))
                ours, theirs = (prototype_similarities(rows, target, present) for rows in both)
                terms.append(F.mse_loss(ours, theirs))
            return torch.stack(terms).sum()


def _rows(value: Tensor) -> Rows:
    """One vector per subject; maps are averaged over positions."""
    return full(value).flatten(2).mean(dim=2) if value.ndim > 2 else full(value)  # noqa: PLR2004 - batch and channels
