"""The trained student and what it needs to predict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from xdistill.data import ArrayCohort, FittedTransforms
from xdistill.distributed.fabric import accelerator_name, check_device, make_fabric
from xdistill.errors import UserError
from xdistill.estimator.modalities import Modalities, common_length
from xdistill.estimator.reading import by_name, listed, read_values
from xdistill.interfaces.network import Network
from xdistill.recipe.schema.compute import Compute
from xdistill.training.evaluate import predict
from xdistill.training.loader import channels_last
from xdistill.training.source import Source
from xdistill.types import Batch, Schema


@dataclass(frozen=True)
class Model:
    """A trained student and what it needs to predict.

    Attributes:
        network: on the CPU.
        schema: its modalities as they were in fit, and the classes.
        transforms: fitted, of its modalities alone.
        compute: what it was trained on.
        memory_mb: subjects that need more are transformed batch by batch.
    """

    network: Network
    schema: Schema
    transforms: FittedTransforms
    compute: Compute
    memory_mb: int

    def probabilities(self, X: Any, *, privileged: Sequence[str], device: str) -> NDArray[np.float64]:  # noqa: N803
        """Class probabilities, ``(subjects, classes)``.

        Args:
            X: exactly the network's modalities.
            privileged: modalities that the network never sees, for messages.
            device: in place of the one that it was trained on, unless it is ``auto``.

        Raises:
            UserError: if a modality is missing, unknown, or not as in fit.
        """
        given = X.unprivileged() if isinstance(X, Modalities) else by_name(X)
        self._check_names(given, privileged)
        given = {name: given[name] for name in self.network.inputs}
        length = common_length(given)
        if not length:
            raise UserError("`X` has no subjects")
        values = {name: read_values(name, self.schema.modalities[name], value) for name, value in given.items()}
        cohort = ArrayCohort(self.schema, values, None)
        source = Source(cohort, self.transforms, self.network.inputs, memory_mb=self.memory_mb)
        return self._predicted(source, np.arange(length), device)

    def _predicted(self, source: Source, rows: NDArray[np.int64], device: str) -> NDArray[np.float64]:
        compute = self.compute if device == "auto" else self.compute.model_copy(update={"accelerator": device})
        check_available(compute)
        fabric = make_fabric(compute)

        def prepare(batch: Batch) -> Batch:
            moved = batch.to(fabric.device)
            if not compute.channels_last:
                return moved
            return replace(moved, inputs={name: channels_last(value) for name, value in moved.inputs.items()})

        self.network.to(fabric.device)
        try:
            return predict(self.network, source, rows, fabric=fabric, prepare=prepare)
        finally:
            self.network.cpu()

    def _check_names(self, given: Mapping[str, Any], privileged: Sequence[str]) -> None:
        inputs = self.network.inputs
        for name in given:
            if name in privileged:
                raise UserError(
                    f"`X` has the privileged modality `{name}`, which the student never uses; leave it out, or pass "
                    f"`Modalities(..., privileged=[{name!r}])`"
                )
            if name not in inputs:
                raise UserError(f"`X` has the unknown modality `{name}`; the student reads {listed(inputs)}")
        for name in inputs:
            if name not in given:
                raise UserError(f"`X` has no modality `{name}`; the student reads {listed(inputs)}")


def check_available(compute: Compute) -> None:
    """Reject a device that this machine does not have.

    Raises:
        UserError: if it has none of this kind, or cannot compute with this precision.
    """
    name = accelerator_name(compute.accelerator)
    if (name == "cuda" and not torch.cuda.is_available()) or (name == "mps" and not torch.backends.mps.is_available()):
        raise UserError(f"this machine has no {name} device; use `device='cpu'` or `device='auto'`")
    check_device(compute)
