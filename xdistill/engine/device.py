"""What a fold is computed on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import torch

from xdistill.errors import RunError
from xdistill.recipe.schema import Compute

if TYPE_CHECKING:
    from lightning_fabric import Fabric

DEVICE_VARIABLE = "XDISTILL_DEVICE_INDEX"


def make_fabric(compute: Compute) -> Fabric:
    """Lightning Fabric for one fold, on the device that the executor gave this worker.

    Raises:
        RunError: when the machine does not have what the recipe asks for.
    """
    from lightning_fabric import Fabric  # takes seconds, which the driver need not spend

    torch.set_num_threads(compute.threads)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    index = int(os.environ.get(DEVICE_VARIABLE, "0"))
    accelerator = accelerator_name(compute.accelerator)
    try:
        return Fabric(
            accelerator=accelerator,
            devices=[index] if accelerator == "cuda" else 1,
            precision=compute.precision,  # type: ignore[arg-type]  # the recipe allows only names that Fabric knows
        )
    except (RuntimeError, ValueError, TypeError) as error:
        raise RunError(
            f"cannot compute on {compute.accelerator!r} with precision {compute.precision!r}: {error}; choose another "
            f"with --accelerator or --precision"
        ) from error


def accelerator_name(accelerator: str) -> str:
    """`auto` made plain: ``cuda``, ``mps`` or ``cpu``."""
    if accelerator in {"auto", "gpu"}:
        if torch.cuda.is_available():
            return "cuda"
        if torch.backends.mps.is_available():
            return "mps"
        return "cpu" if accelerator == "auto" else "gpu"
    return accelerator


def device_count(compute: Compute) -> int:
    """Devices that folds can be dealt out over; 0 when they share the processor."""
    if accelerator_name(compute.accelerator) != "cuda":
        return 0
    return min(compute.devices, torch.cuda.device_count())
