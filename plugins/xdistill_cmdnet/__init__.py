"""CMD-Net's own parts: image-and-clinical branches, cross attention, clinical self-supervision.

Its network is `multibranch`, its distillation losses are `class_kl` and `feature_kl`; other plugins have them.
How the paper is read, and the setting for each reading: ``docs/paper.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdistill.plugin import hookimpl

if TYPE_CHECKING:
    from xdistill.interfaces import Encoder, Fusion, TaskLoss

XDISTILL_API = 1


@hookimpl
def xdistill_encoders() -> list[type[Encoder]]:
    """The two kinds of branch, each by two names."""
    from xdistill_cmdnet.encoders import ImageClinicalFusion, ImageOnly, MriClinicalFusion, MriOnly

    return [ImageClinicalFusion, ImageOnly, MriClinicalFusion, MriOnly]


@hookimpl
def xdistill_fusions() -> list[type[Fusion]]:
    """How branches are joined."""
    from xdistill_cmdnet.cross_attention import CrossAttention

    return [CrossAttention]


@hookimpl
def xdistill_task_losses() -> list[type[TaskLoss]]:
    """The loss of one network that is CMD-Net's own."""
    from xdistill_cmdnet.reconstruction import ClinicalReconstruction

    return [ClinicalReconstruction]
