"""The wider library of distillation losses: of logits, of feature maps, and of relations between subjects.

A file a family, each loss a small class over a pure function whose docstring has the formula, its source and the
convention it follows. Vectors, maps and volumes are taken alike. Which loss when: ``docs/losses.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdistill.plugin import hookimpl

if TYPE_CHECKING:
    from xdistill.interfaces import DistillationLoss

XDISTILL_API = 1


@hookimpl
def xdistill_distillation_losses() -> list[type[DistillationLoss]]:
    """Losses between teacher and student."""
    from xdistill_losses.activation import ActivationBoundaries, FeatureOverhaul
    from xdistill_losses.alignment import KernelAlignment
    from xdistill_losses.attention import AttentionTransfer, FactorTransfer
    from xdistill_losses.channel_maps import ChannelWise, NeuronSelectivity
    from xdistill_losses.contrast import Contrast
    from xdistill_losses.correlation import FeatureCorrelation, ProbabilityCorrelation
    from xdistill_losses.decoupled import Decoupled
    from xdistill_losses.flow import Flow
    from xdistill_losses.gradients.cam_attention import ClassAttention
    from xdistill_losses.gradients.jacobian import Jacobian
    from xdistill_losses.hint import Hint, VariationalInformation
    from xdistill_losses.relations import Relations
    from xdistill_losses.review import Review
    from xdistill_losses.similarity import CorrelationCongruence, ProbabilisticTransfer
    from xdistill_losses.soft_labels import Generalized, SoftLabels, WeightedSoftLabels

    logits = [SoftLabels, Decoupled, ProbabilityCorrelation, WeightedSoftLabels, Generalized]
    maps = [
        Hint,
        VariationalInformation,
        AttentionTransfer,
        FactorTransfer,
        NeuronSelectivity,
        ChannelWise,
        FeatureCorrelation,
        ActivationBoundaries,
        FeatureOverhaul,
        Flow,
        Review,
    ]
    relations = [Relations, ProbabilisticTransfer, CorrelationCongruence, Contrast, KernelAlignment]
    gradients = [Jacobian, ClassAttention]
    return [*logits, *maps, *relations, *gradients]
