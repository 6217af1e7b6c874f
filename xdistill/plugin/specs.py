"""The hooks: one a kind. Each returns classes and does nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from xdistill.interfaces.augmentation import Augmentation
    from xdistill.interfaces.dataset import Dataset
    from xdistill.interfaces.encoder import Encoder
    from xdistill.interfaces.executor import Executor
    from xdistill.interfaces.fitted import Estimator
    from xdistill.interfaces.fusion import Fusion
    from xdistill.interfaces.loss import DistillationLoss, TaskLoss
    from xdistill.interfaces.metric import Metric
    from xdistill.interfaces.network import Student, Teacher
    from xdistill.interfaces.tracker import Tracker
    from xdistill.interfaces.transform import Transform

PROJECT = "xdistill"
ENTRY_POINT_GROUP = "xdistill"
API_VERSION = 1

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def xdistill_datasets() -> Sequence[type[Dataset]]:
    """Data sets: where subjects come from."""
    raise NotImplementedError


@hookspec
def xdistill_transforms() -> Sequence[type[Transform]]:
    """Transforms: fitted on the training subjects of a split, applied to all of them."""
    raise NotImplementedError


@hookspec
def xdistill_augmentations() -> Sequence[type[Augmentation]]:
    """Augmentations: random changes of training batches."""
    raise NotImplementedError


@hookspec
def xdistill_encoders() -> Sequence[type[Encoder]]:
    """Encoders: one branch of a network, from modalities to a vector."""
    raise NotImplementedError


@hookspec
def xdistill_fusions() -> Sequence[type[Fusion]]:
    """Fusions: from the vectors of several branches to one."""
    raise NotImplementedError


@hookspec
def xdistill_estimators() -> Sequence[type[Estimator]]:
    """Estimators: from a vector to logits, fitted at once instead of trained by gradient."""
    raise NotImplementedError


@hookspec
def xdistill_teachers() -> Sequence[type[Teacher]]:
    """Teachers: networks that may see every modality."""
    raise NotImplementedError


@hookspec
def xdistill_students() -> Sequence[type[Student]]:
    """Students: networks that are used with their own modalities alone."""
    raise NotImplementedError


@hookspec
def xdistill_task_losses() -> Sequence[type[TaskLoss]]:
    """Task losses: one network against what is known of the subjects."""
    raise NotImplementedError


@hookspec
def xdistill_distillation_losses() -> Sequence[type[DistillationLoss]]:
    """Distillation losses: the student against the teacher."""
    raise NotImplementedError


@hookspec
def xdistill_metrics() -> Sequence[type[Metric]]:
    """Metrics: numbers computed from the predictions of a fold."""
    raise NotImplementedError


@hookspec
def xdistill_executors() -> Sequence[type[Executor]]:
    """Executors: where jobs run."""
    raise NotImplementedError


@hookspec
def xdistill_trackers() -> Sequence[type[Tracker]]:
    """Trackers: where the course of a run is shown while it goes on."""
    raise NotImplementedError
