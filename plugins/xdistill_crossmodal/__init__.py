"""Methods of cross-modal distillation from the literature, one file per method.

Each docstring has the source, the equation, and after "Inferred:" what the paper leaves open. What each is worth on
generated vectors: ``docs/crossmodal.md``.
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
    return []
