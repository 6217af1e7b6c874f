"""A device to predict on, without Lightning Fabric, whose import takes as long as that of torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from xdistill.distributed.fabric import accelerator_name, check_device
from xdistill.errors import RunError, UserError
from xdistill.recipe.schema.compute import Compute

_MIXED = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}


@dataclass(frozen=True)
class Device:
    """One device with a precision.

    Attributes:
        device: of the tensors.
        precision: as in the recipe's ``compute.precision``.
    """

    device: torch.device
    precision: str

    @contextmanager
    def autocast(self) -> Iterator[None]:
        """Mixed precision, as Fabric does it; nothing for ``32-true``."""
        if self.precision not in _MIXED:
            yield
            return
        with torch.autocast(self.device.type, dtype=_MIXED[self.precision], cache_enabled=False):
            yield


def make_device(compute: Compute) -> Device:
    """The device that a model predicts on; sets torch's threads, and cuDNN to deterministic algorithms.

    Raises:
        UserError: if the machine does not have it.
    """
    name = accelerator_name(compute.accelerator)
    try:
        check_device(compute)
    except RunError as error:
        raise UserError(f"{error}") from error
    torch.set_num_threads(compute.threads)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    return Device(torch.device(name), compute.precision)
