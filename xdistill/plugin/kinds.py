"""The kinds of component: for each its interface and the hook that offers it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xdistill.interfaces.component import Component


@dataclass(frozen=True)
class Kind:
    """One kind of component.

    Attributes:
        name: such as ``distillation_loss``.
        hook: the hook's name.
        module: of the interface, below ``xdistill.interfaces``.
        interface_name: the interface's class name.
        fields: names that the recipe gives a meaning of its own in blocks of this kind, so that a Config may
            not use them.
    """

    name: str
    hook: str
    module: str
    interface_name: str
    fields: tuple[str, ...] = ()

    @property
    def interface(self) -> type[Component]:
        """The interface class; loads its module, and torch where that needs it."""
        found: type[Component] = getattr(import_module(f"xdistill.interfaces.{self.module}"), self.interface_name)
        return found


_TERM = ("on", "weight", "output", "detach_teacher")

KINDS: tuple[Kind, ...] = (
    Kind("dataset", "xdistill_datasets", "dataset", "Dataset"),
    Kind("transform", "xdistill_transforms", "transform", "Transform"),
    Kind("augmentation", "xdistill_augmentations", "augmentation", "Augmentation"),
    Kind("encoder", "xdistill_encoders", "encoder", "Encoder"),
    Kind("fusion", "xdistill_fusions", "fusion", "Fusion"),
    Kind("estimator", "xdistill_estimators", "fitted", "Estimator"),
    Kind("teacher", "xdistill_teachers", "network", "Teacher"),
    Kind("student", "xdistill_students", "network", "Student"),
    Kind("task_loss", "xdistill_task_losses", "loss", "TaskLoss", _TERM),
    Kind("distillation_loss", "xdistill_distillation_losses", "loss", "DistillationLoss", _TERM),
    Kind("metric", "xdistill_metrics", "metric", "Metric"),
    Kind("executor", "xdistill_executors", "executor", "Executor"),
    Kind("tracker", "xdistill_trackers", "tracker", "Tracker"),
)

BY_NAME = {kind.name: kind for kind in KINDS}
