"""Test suites for authors of plugins: one per kind of component, to inherit from.

::

    from xdistill.testing import DistillationLossConformance

    class TestCosineFeatures(DistillationLossConformance):
        component = CosineFeatures
        settings = {"taps": ["first"]}
        at_identity = "zero"

pytest then runs every ``test_`` method of the suite on that component. Names are loaded on first use, so that the
worker processes of a test do not load all of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from xdistill.plugin.kinds import KINDS

if TYPE_CHECKING:
    from xdistill.testing.augmentation import AugmentationConformance
    from xdistill.testing.callback import CallbackConformance
    from xdistill.testing.dataset import DatasetConformance
    from xdistill.testing.distillation_loss import DistillationLossConformance, GoldenDistillation
    from xdistill.testing.encoder import EncoderConformance
    from xdistill.testing.estimator import EstimatorConformance
    from xdistill.testing.executor import ExecutorConformance
    from xdistill.testing.fusion import FusionConformance
    from xdistill.testing.metric import GoldenMetric, MetricConformance
    from xdistill.testing.network import StudentConformance, TeacherConformance
    from xdistill.testing.suite import Conformance
    from xdistill.testing.task import TaskReaderConformance
    from xdistill.testing.task_loss import GoldenTask, TaskLossConformance
    from xdistill.testing.tracker import TrackerConformance
    from xdistill.testing.transform import TransformConformance

__all__ = [
    "AugmentationConformance",
    "CallbackConformance",
    "Conformance",
    "DatasetConformance",
    "DistillationLossConformance",
    "EncoderConformance",
    "EstimatorConformance",
    "ExecutorConformance",
    "FusionConformance",
    "GoldenDistillation",
    "GoldenMetric",
    "GoldenTask",
    "MetricConformance",
    "StudentConformance",
    "TaskLossConformance",
    "TaskReaderConformance",
    "TeacherConformance",
    "TrackerConformance",
    "TransformConformance",
]

_MODULE_OF = {
    **{kind.suite: kind.name for kind in KINDS},
    "Conformance": "suite",
    "GoldenDistillation": "distillation_loss",
    "GoldenMetric": "metric",
    "GoldenTask": "task_loss",
    "StudentConformance": "network",
    "TeacherConformance": "network",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
