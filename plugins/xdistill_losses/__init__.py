"""Losses: of one network against the target, and distillation losses of logits, features, relations and gradients.

A folder per family, each loss a small class over a pure function whose docstring has the formula, its source and the
convention it follows. All work on vectors, maps and volumes. How to choose one: ``docs/losses.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdistill.plugin import hookimpl

if TYPE_CHECKING:
    from xdistill.interfaces import DistillationLoss, TaskLoss

XDISTILL_API = 1


@hookimpl
def xdistill_task_losses() -> list[type[TaskLoss]]:
    """Losses of one network."""
    from xdistill_losses.multi_label.task import BinaryCrossEntropy
    from xdistill_losses.ordinal.task import Corn, CumulativeLink
    from xdistill_losses.regression.task import AbsoluteError, Huber, SquaredError
    from xdistill_losses.survival.cox import Cox
    from xdistill_losses.survival.discrete import DiscreteTime
    from xdistill_losses.task.classification import CrossEntropy, Focal

    of_numbers = [SquaredError, AbsoluteError, Huber]
    return [Focal, CrossEntropy, *of_numbers, Corn, CumulativeLink, BinaryCrossEntropy, Cox, DiscreteTime]


@hookimpl
def xdistill_distillation_losses() -> list[type[DistillationLoss]]:
    """Losses between teacher and student."""
    return [*_of_logits(), *_of_other_tasks(), *_of_features(), *_of_relations(), *_of_gradients()]


def _of_logits() -> list[type[DistillationLoss]]:
    from xdistill_losses.logits.correlation import ProbabilityCorrelation
    from xdistill_losses.logits.decoupled import Decoupled
    from xdistill_losses.logits.divergence import ClassKL
    from xdistill_losses.logits.soft_labels import Generalized, SoftLabels, WeightedSoftLabels

    return [SoftLabels, ClassKL, Decoupled, ProbabilityCorrelation, WeightedSoftLabels, Generalized]


def _of_other_tasks() -> list[type[DistillationLoss]]:
    """Losses of predictions that are not classes: regression, ordinal, multi-label, survival."""
    from xdistill_losses.multi_label.soft import SoftBinary
    from xdistill_losses.ordinal.soft import SoftOrdinal
    from xdistill_losses.regression.distribution import DistributionMatching
    from xdistill_losses.regression.teacher import Imitation, TeacherBounded
    from xdistill_losses.survival.hazards import HazardKL
    from xdistill_losses.survival.ranking import RiskRanking

    return [Imitation, TeacherBounded, DistributionMatching, SoftOrdinal, SoftBinary, RiskRanking, HazardKL]


def _of_features() -> list[type[DistillationLoss]]:
    from xdistill_losses.features.activation import ActivationBoundaries, FeatureOverhaul
    from xdistill_losses.features.attention import AttentionTransfer, FactorTransfer
    from xdistill_losses.features.channel_maps import ChannelWise, NeuronSelectivity
    from xdistill_losses.features.correlation import FeatureCorrelation
    from xdistill_losses.features.divergence import FeatureKL, FeatureMSE
    from xdistill_losses.features.flow import Flow
    from xdistill_losses.features.hint import Hint, VariationalInformation
    from xdistill_losses.features.review import Review

    one_to_one = [Hint, VariationalInformation, FeatureMSE, FeatureKL, FeatureCorrelation]
    neurons = [ActivationBoundaries, FeatureOverhaul]
    positions = [AttentionTransfer, FactorTransfer, NeuronSelectivity, ChannelWise]
    return [*one_to_one, *neurons, *positions, Flow, Review]


def _of_relations() -> list[type[DistillationLoss]]:
    from xdistill_losses.relations.alignment import KernelAlignment
    from xdistill_losses.relations.contrast import Contrast
    from xdistill_losses.relations.geometry import Relations
    from xdistill_losses.relations.similarity import CorrelationCongruence, ProbabilisticTransfer
    from xdistill_losses.relations.similarity_preserving import SimilarityPreserving

    return [Relations, ProbabilisticTransfer, SimilarityPreserving, CorrelationCongruence, Contrast, KernelAlignment]


def _of_gradients() -> list[type[DistillationLoss]]:
    from xdistill_losses.gradients.cam_attention import ClassAttention
    from xdistill_losses.gradients.jacobian import Jacobian

    return [Jacobian, ClassAttention]
