"""The interfaces that plugins implement: one file per kind.

Importing this package is cheap; the names below load their module, and torch where it is needed, on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xdistill.interfaces.augmentation import Augmentation
    from xdistill.interfaces.callback import Callback
    from xdistill.interfaces.component import Choice, Component, Settings, within_field
    from xdistill.interfaces.dataset import Dataset, DatasetFacts, SubjectRow, TableReading, TaskSettings
    from xdistill.interfaces.encoder import Encoder, Encoding
    from xdistill.interfaces.executor import Executor, Job, JobEvent
    from xdistill.interfaces.fine_tuning import FineTuned
    from xdistill.interfaces.fitted import Estimator
    from xdistill.interfaces.fusion import BranchSpec, Fusion
    from xdistill.interfaces.labels import Labels, LabelsError, LabelTable, TaskReader, read_known
    from xdistill.interfaces.loss import DistillationLoss, TaskLoss, TrainingFacts, check_taps
    from xdistill.interfaces.metric import Metric
    from xdistill.interfaces.network import Network, Student, Teacher, modality_of
    from xdistill.interfaces.reader import Cell, GridSummary, Space, SubjectReader
    from xdistill.interfaces.tracker import TrackedRun, Tracker
    from xdistill.interfaces.transform import Transform

__all__ = [
    "Augmentation",
    "BranchSpec",
    "Callback",
    "Cell",
    "Choice",
    "Component",
    "Dataset",
    "DatasetFacts",
    "DistillationLoss",
    "Encoder",
    "Encoding",
    "Estimator",
    "Executor",
    "FineTuned",
    "Fusion",
    "GridSummary",
    "Job",
    "JobEvent",
    "LabelTable",
    "Labels",
    "LabelsError",
    "Metric",
    "Network",
    "Settings",
    "Space",
    "Student",
    "SubjectReader",
    "SubjectRow",
    "TableReading",
    "TaskLoss",
    "TaskReader",
    "TaskSettings",
    "Teacher",
    "TrackedRun",
    "Tracker",
    "TrainingFacts",
    "Transform",
    "check_taps",
    "modality_of",
    "read_known",
    "within_field",
]

_HOME = {
    "augmentation": ("Augmentation",),
    "callback": ("Callback",),
    "component": ("Choice", "Component", "Settings", "within_field"),
    "dataset": ("Dataset", "DatasetFacts", "SubjectRow", "TableReading", "TaskSettings"),
    "encoder": ("Encoder", "Encoding"),
    "executor": ("Executor", "Job", "JobEvent"),
    "fine_tuning": ("FineTuned",),
    "fitted": ("Estimator",),
    "fusion": ("BranchSpec", "Fusion"),
    "labels": ("LabelTable", "Labels", "LabelsError", "TaskReader", "read_known"),
    "loss": ("DistillationLoss", "TaskLoss", "TrainingFacts", "check_taps"),
    "metric": ("Metric",),
    "network": ("Network", "Student", "Teacher", "modality_of"),
    "reader": ("Cell", "GridSummary", "Space", "SubjectReader"),
    "tracker": ("TrackedRun", "Tracker"),
    "transform": ("Transform",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
