"""What a fold is computed on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import torch

from xdistill.errors import RunError
from xdistill.recipe.schema import Compute
from xdistill.workers import RANK_VARIABLE

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def make_fabric(compute: Compute) -> Fabric:
    """Lightning Fabric for one fold, on the device that the executor gave this worker.

    Raises:
        RunError: when the machine does not have what the recipe asks for.
    """
    from lightning_fabric import Fabric  # takes seconds, which the driver need not spend

    torch.set_num_threads(compute.threads)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    accelerator = accelerator_name(compute.accelerator)
    try:
        return Fabric(
            accelerator=accelerator,
            devices=[int(os.environ.get(RANK_VARIABLE, "0")) % device_count(compute)] if accelerator == "cuda" else 1,
            precision=compute.precision,
        )
    except (RuntimeError, ValueError, TypeError) as error:
        raise RunError(
            f"cannot compute on {compute.accelerator!r} with precision {compute.precision!r}: {error}; choose another "
            f"with --accelerator or --precision"
        ) from error


def check_device(compute: Compute) -> None:
    """Whether this machine has what the recipe asks for, before anything is built.

    Raises:
        RunError: when it does not.
    """
    name = accelerator_name(compute.accelerator)
    there = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}[name]
    if not there:
        raise RunError(f"this machine has no {name} device; leave out --accelerator, or say --accelerator cpu")
    if compute.devices > there:
        raise RunError(f"--devices {compute.devices}: this machine has {there} {name} device(s)")
    if name == "cpu" and compute.precision == "16-mixed":
        raise RunError("16-mixed needs an accelerator; on a CPU use --precision bf16-mixed or 32-true")


def accelerator_name(accelerator: str) -> str:
    """`auto` made plain: ``cuda``, ``mps`` or ``cpu``."""
    if accelerator != "auto":
        return accelerator
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def device_count(compute: Compute) -> int:
    """Devices that folds can be dealt out over; 0 when they share the processor."""
    if accelerator_name(compute.accelerator) != "cuda":
        return 0
    return min(compute.devices, torch.cuda.device_count())
