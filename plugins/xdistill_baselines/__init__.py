"""The methods that CMD-Net is compared with: six ways to fuse phases, and two ways to distil.

None is anybody's official code: only abstracts of several sources could be read, and every docstring says what is its
source's and what is inferred. ``kd`` is a recipe over other plugins' parts (``recipes/baselines/kd.yaml``).
How each is read, and how they are run: ``docs/baselines.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdistill.plugin import hookimpl

if TYPE_CHECKING:
    from xdistill.interfaces import DistillationLoss, Student

XDISTILL_API = 1


@hookimpl
def xdistill_students() -> list[type[Student]]:
    """Networks that fuse several phases, or several modalities."""
    from xdistill_baselines.cnn3d import Cnn3d
    from xdistill_baselines.concat import Concat
    from xdistill_baselines.concat_2s import Concat2S
    from xdistill_baselines.lstm import Lstm
    from xdistill_baselines.m2net import M2Net

    return [Concat, Cnn3d, Lstm, M2Net, Concat2S]


@hookimpl
def xdistill_distillation_losses() -> list[type[DistillationLoss]]:
    """Losses between teacher and student."""
    from xdistill_baselines.sp import SimilarityPreserving

    return [SimilarityPreserving]
