"""For authors of plugins: suites of tests, one a kind, that a test class inherits.

::

    from xdistill.testing import DistillationLossConformance

    class TestCosineFeatures(DistillationLossConformance):
        component = CosineFeatures
        settings = {"taps": ["first"]}
        at_identity = "zero"

Every ``test_`` method of the suite then runs on that component. Names load on first use, so that the worker processes
of a test need not load all of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xdistill.testing.augmentation import AugmentationConformance
    from xdistill.testing.dataset import DatasetConformance
    from xdistill.testing.distillation_loss import DistillationLossConformance, GoldenDistillation
    from xdistill.testing.encoder import EncoderConformance
    from xdistill.testing.estimator import EstimatorConformance
    from xdistill.testing.executor import ExecutorConformance
    from xdistill.testing.fusion import FusionConformance
    from xdistill.testing.metric import GoldenMetric, MetricConformance
    from xdistill.testing.network import StudentConformance, TeacherConformance
    from xdistill.testing.suite import Conformance
    from xdistill.testing.task_loss import GoldenTask, TaskLossConformance
    from xdistill.testing.tracker import TrackerConformance
    from xdistill.testing.transform import TransformConformance

__all__ = [
    "AugmentationConformance",
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
    "TeacherConformance",
    "TrackerConformance",
    "TransformConformance",
]

_HOME = {
    "augmentation": ("AugmentationConformance",),
    "dataset": ("DatasetConformance",),
    "distillation_loss": ("DistillationLossConformance", "GoldenDistillation"),
    "encoder": ("EncoderConformance",),
    "estimator": ("EstimatorConformance",),
    "executor": ("ExecutorConformance",),
    "fusion": ("FusionConformance",),
    "metric": ("GoldenMetric", "MetricConformance"),
    "network": ("StudentConformance", "TeacherConformance"),
    "suite": ("Conformance",),
    "task_loss": ("GoldenTask", "TaskLossConformance"),
    "tracker": ("TrackerConformance",),
    "transform": ("TransformConformance",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
