"""CMD-Net: image-and-clinical branches, cross attention, class-level and feature-level distillation.

How the paper was read, and which setting stands for which reading: ``docs/paper.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdistill.plugin import hookimpl

if TYPE_CHECKING:
    from xdistill.interfaces import DistillationLoss, Encoder, Fusion, Student, TaskLoss, Teacher

XDISTILL_API = 1


@hookimpl
def xdistill_encoders() -> list[type[Encoder]]:
    """The two kinds of branch."""
    from xdistill_cmdnet.encoders import MriClinicalFusion, MriOnly

    return [MriClinicalFusion, MriOnly]


@hookimpl
def xdistill_fusions() -> list[type[Fusion]]:
    """How branches are joined."""
    from xdistill_cmdnet.cross_attention import CrossAttention

    return [CrossAttention]


@hookimpl
def xdistill_teachers() -> list[type[Teacher]]:
    """Branches, fusion, head: as the teacher."""
    from xdistill_cmdnet.multibranch import MultiBranch

    return [MultiBranch]


@hookimpl
def xdistill_students() -> list[type[Student]]:
    """Branches, fusion, head: as the student."""
    from xdistill_cmdnet.multibranch import MultiBranch

    return [MultiBranch]


@hookimpl
def xdistill_task_losses() -> list[type[TaskLoss]]:
    """Losses of one network."""
    from xdistill_cmdnet.classification import CrossEntropy, Focal
    from xdistill_cmdnet.reconstruction import ClinicalReconstruction

    return [Focal, CrossEntropy, ClinicalReconstruction]


@hookimpl
def xdistill_distillation_losses() -> list[type[DistillationLoss]]:
    """Losses between teacher and student."""
    from xdistill_cmdnet.distillation import ClassKL, FeatureKL, FeatureMSE

    return [ClassKL, FeatureKL, FeatureMSE]
