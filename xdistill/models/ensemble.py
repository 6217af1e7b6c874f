"""Trained students and what they predict for a cohort."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from xdistill.data import CohortLike, FittedTransforms
from xdistill.distributed.device import Device, make_device
from xdistill.distributed.fabric import accelerator_name, check_device
from xdistill.distributed.settings import torch_settings_kept
from xdistill.errors import ModelError, UserError
from xdistill.interfaces.network import Network
from xdistill.models.config import StudentConfig
from xdistill.models.numbers import mean_of
from xdistill.recipe.schema.compute import Compute
from xdistill.training.evaluate import EVALUATION_BATCH, predict
from xdistill.training.loader import channels_last
from xdistill.training.memory import memory_explained
from xdistill.training.source import Source
from xdistill.types import Batch, Schema

if TYPE_CHECKING:
    from xdistill.interfaces.reader import SubjectReader
    from xdistill.models.calibration import Calibration, Intervals

IN_MEMORY = 2**20  # MiB: what prediction holds at a time is small


@dataclass(frozen=True)
class Member:
    """One trained network.

    Attributes:
        name: ``fit``, or the fold that it was trained in.
        network: on the CPU.
        transforms: fitted, of the student's modalities alone.
    """

    name: str
    network: Network
    transforms: FittedTransforms


@dataclass(frozen=True)
class Ensemble:
    """One trained student or several, whose predictions are averaged.

    Attributes:
        config: everything about it that is plain data.
        members: the networks; the prediction is the mean of theirs.
        calibration: temperature, conformal scores and thresholds; None if it is not calibrated.
        training: what is known of the training subjects, for drift; empty if nothing is.
        reader: of files; None if new subjects can only be arrays, or columns of a table.
        path: folder that it was read from.
        intervals: prediction intervals of a regression; None if it has none.
        notes: what a user should know, such as other versions of plugins than those that trained it.
    """

    config: StudentConfig
    members: tuple[Member, ...]
    calibration: Calibration | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    reader: SubjectReader | None = None
    path: Path | None = None
    notes: tuple[str, ...] = ()
    intervals: Intervals | None = None

    @property
    def name(self) -> str:
        """Name of the recipe."""
        return self.config.name

    @property
    def schema(self) -> Schema:
        """Modalities that the students read, before their transforms, and the task."""
        return self.config.schema_of_inputs

    @property
    def inputs(self) -> tuple[str, ...]:
        """Modalities that prediction needs."""
        return tuple(self.schema.modalities)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the columns of `predict_proba`."""
        return self.schema.classes

    def member(self, name: str) -> Self:
        """The model of one member alone, without calibration.

        Raises:
            ModelError: if there is none of this name.
        """
        found = tuple(member for member in self.members if member.name == name)
        if not found:
            names = ", ".join(f"`{member.name}`" for member in self.members)
            raise ModelError(f"the model has no member `{name}`. Members: {names}")
        return replace(self, members=found, calibration=None, intervals=None)

    def predict_members(
        self, cohort: CohortLike, computing: Device, *, rows: NDArray[np.int64] | None = None, batch_size: int
    ) -> NDArray[np.float64]:
        """Uncalibrated predictions of each member, ``(members, subjects, columns)``; see `on_device`."""
        rows = np.arange(len(cohort)) if rows is None else rows
        found = []
        for member in self.members:
            source = Source(cohort, member.transforms, self.inputs, memory_mb=IN_MEMORY)
            found.append(
                predict(
                    member.network,
                    source,
                    rows,
                    fabric=computing,
                    prepare=self._preparing(computing),
                    batch_size=batch_size,
                )
            )
        return np.stack(found)

    def predict_cohort(
        self,
        cohort: CohortLike,
        subjects: Iterable[str] | None = None,
        *,
        device: str = "auto",
        batch_size: int = EVALUATION_BATCH,
    ) -> NDArray[np.float64]:
        """Uncalibrated predictions for subjects of a cohort, ``(subjects, columns)``: the mean over the members.

        Args:
            cohort: a cohort file, or arrays; other modalities than `inputs` are not read.
            subjects: ids; None: all.
            device: see `predict_proba`.
            batch_size: see `predict_proba`.
        """
        rows = None if subjects is None else cohort.rows_of(subjects)
        if not len(cohort if rows is None else rows):
            raise UserError("there are no subjects to predict")
        with self.on_device(device) as computing:
            found = self.predict_members(cohort, computing, rows=rows, batch_size=batch_size)
        return mean_of(found)

    @contextmanager
    def on_device(self, device: str) -> Iterator[Device]:
        """Move the networks to a device, and back at the end; torch's global settings are put back as well."""
        compute = self.config.compute
        if device != "auto":
            compute = compute.model_copy(update={"accelerator": device})
        elif compute.accelerator in {"cuda", "mps"} and accelerator_name("auto") != compute.accelerator:
            compute = compute.model_copy(update={"accelerator": "auto"})
        compute = compute.model_copy(update={"devices": 1})
        check_available(compute)
        with torch_settings_kept(), memory_explained():
            computing = make_device(compute)
            for member in self.members:
                member.network.to(computing.device)
            try:
                yield computing
            finally:
                for member in self.members:
                    member.network.cpu()

    def calibrated(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities after temperature scaling; as they are if the model is not calibrated."""
        return probabilities if self.calibration is None else self.calibration.apply(probabilities)

    def _preparing(self, computing: Device) -> Any:
        layout = self.config.compute.channels_last

        def prepare(batch: Batch) -> Batch:
            moved = batch.to(computing.device)
            if not layout:
                return moved
            return replace(moved, inputs={name: channels_last(value) for name, value in moved.inputs.items()})

        return prepare


def check_available(compute: Compute) -> None:
    """Reject a device that this machine does not have.

    Raises:
        UserError: if it has none of this kind, or cannot compute with this precision.
    """
    name = accelerator_name(compute.accelerator)
    if name not in {"cpu", "cuda", "mps"}:
        raise UserError(f"unknown device {name!r}; use auto, cpu, cuda or mps")
    if (name == "cuda" and not torch.cuda.is_available()) or (name == "mps" and not torch.backends.mps.is_available()):
        raise UserError(f"this machine has no {name} device; use `device='cpu'` or `device='auto'`")
    check_device(compute)
