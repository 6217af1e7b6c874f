"""Trackers, each of which needs its tool's package (`pip install 'xdistill[trackers]'`), and a callback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdistill.plugin import hookimpl

if TYPE_CHECKING:
    from xdistill.interfaces import Callback, Tracker

XDISTILL_API = 1


@hookimpl
def xdistill_callbacks() -> list[type[Callback]]:
    """Figures that are added to the history."""
    from xdistill_trackers.gradient_norm import GradientNorm

    return [GradientNorm]


@hookimpl
def xdistill_trackers() -> list[type[Tracker]]:
    """TensorBoard and MLflow."""
    from xdistill_trackers.mlflow_store import MLflow
    from xdistill_trackers.tensorboard_files import TensorBoard

    return [TensorBoard, MLflow]
