"""Vector modalities: imputing, scaling and one-hot encoding, a perceptron encoder, plain concatenation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdistill.plugin import hookimpl

if TYPE_CHECKING:
    from xdistill.interfaces import Encoder, Fusion, Transform

XDISTILL_API = 1


@hookimpl
def xdistill_transforms() -> list[type[Transform]]:
    """From a table's columns to numbers a network can read."""
    from xdistill_tabular.transform import TabularTransform

    return [TabularTransform]


@hookimpl
def xdistill_encoders() -> list[type[Encoder]]:
    """An encoder of vectors."""
    from xdistill_tabular.encoder import Perceptron

    return [Perceptron]


@hookimpl
def xdistill_fusions() -> list[type[Fusion]]:
    """The plainest fusion."""
    from xdistill_tabular.concat import Concat

    return [Concat]
