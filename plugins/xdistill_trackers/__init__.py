"""Trackers of well-known tools; each needs its package, which `pip install 'xdistill[trackers]'` brings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdistill.plugin import hookimpl

if TYPE_CHECKING:
    from xdistill.interfaces import Tracker

XDISTILL_API = 1


@hookimpl
def xdistill_trackers() -> list[type[Tracker]]:
    """TensorBoard and MLflow."""
    from xdistill_trackers.mlflow_store import MLflow
    from xdistill_trackers.tensorboard_files import TensorBoard

    return [TensorBoard, MLflow]
