"""Methods of cross-modal distillation from the literature, one file per method.

Each docstring has the source, the equation, and after "Inferred:" what the paper leaves open. What each is worth on
generated vectors: ``docs/crossmodal.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdistill.plugin import hookimpl

if TYPE_CHECKING:
    from xdistill.interfaces import Callback, Dataset, DistillationLoss, Student, TaskLoss, Teacher

XDISTILL_API = 1


@hookimpl
def xdistill_datasets() -> list[type[Dataset]]:
    """Generated vectors."""
    from xdistill_crossmodal.focusing.mfh import FocusingGaussians

    return [
        FocusingGaussians,
    ]


@hookimpl
def xdistill_teachers() -> list[type[Teacher]]:
    """Teachers around a network, several teachers, and ShaSpec."""
    from xdistill_crossmodal.focusing.teacher import FocusedTeacher
    from xdistill_crossmodal.shared_specific.network import ShaSpec
    from xdistill_crossmodal.teachers.mst_teachers import MstTeachers
    from xdistill_crossmodal.teachers.several import Several

    return [
        FocusedTeacher,
        MstTeachers,
        Several,
        ShaSpec,
    ]


@hookimpl
def xdistill_students() -> list[type[Student]]:
    """ShaSpec."""
    from xdistill_crossmodal.shared_specific.network import ShaSpec

    return [ShaSpec]


@hookimpl
def xdistill_task_losses() -> list[type[TaskLoss]]:
    """Losses between the members, or the branches, of one network."""
    from xdistill_crossmodal.shared_specific.losses import SharedAlignment, SpecificDomain
    from xdistill_crossmodal.teachers.mutual import MutualMembers

    return [MutualMembers, SharedAlignment, SpecificDomain]


@hookimpl
def xdistill_distillation_losses() -> list[type[DistillationLoss]]:
    """Losses between teacher and student."""
    from xdistill_crossmodal.focusing.distance import LogitDistance
    from xdistill_crossmodal.losses.c2kd import CustomisedCrossmodal
    from xdistill_crossmodal.losses.margin_aware import MarginAware
    from xdistill_crossmodal.losses.ofa import OneForAll
    from xdistill_crossmodal.losses.prototypes import Prototypes
    from xdistill_crossmodal.losses.semiparametric import Semiparametric
    from xdistill_crossmodal.teachers.ca_mkd import ConfidenceAware
    from xdistill_crossmodal.teachers.mst_distill import MstDistill

    return [
        ConfidenceAware,
        CustomisedCrossmodal,
        LogitDistance,
        MarginAware,
        MstDistill,
        OneForAll,
        Prototypes,
        Semiparametric,
    ]


@hookimpl
def xdistill_callbacks() -> list[type[Callback]]:
    """What changes gradients, or the teacher's columns."""
    from xdistill_crossmodal.focusing.callback import ModalityFocus
    from xdistill_crossmodal.gradients.cagrad import ConflictAverse
    from xdistill_crossmodal.gradients.ogm import OnTheFlyModulation
    from xdistill_crossmodal.gradients.pcgrad import ProjectedGradients

    return [
        ConflictAverse,
        ModalityFocus,
        OnTheFlyModulation,
        ProjectedGradients,
    ]
