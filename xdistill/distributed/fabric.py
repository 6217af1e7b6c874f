"""Devices: Lightning Fabric for one fold, and whether the machine has what the recipe asks for."""

from __future__ import annotations

import os
import warnings
from datetime import timedelta
from inspect import signature
from typing import TYPE_CHECKING, Any

import torch
from torch.distributed import FileStore  # type: ignore[attr-defined]  # torch does not list what it exports

from xdistill.distributed.launch import Rank
from xdistill.errors import RunError
from xdistill.extras import fabric_class
from xdistill.recipe.schema.compute import Compute
from xdistill.workers import RANK_VARIABLE, cores

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from lightning_fabric.strategies.strategy import Strategy

PATIENCE = timedelta(minutes=30)  # that processes wait for one that hangs


def make_fabric(compute: Compute, rank: Rank | None = None) -> Fabric:
    """Lightning Fabric for one fold, on the device that the executor assigned to this worker.

    Args:
        compute: what to compute on.
        rank: of this process among those that train the fold together; None: there is one process.

    Raises:
        RunError: if the machine does not have the device.
    """
    torch.set_num_threads(compute.threads)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    accelerator = accelerator_name(compute.accelerator)
    strategy = "auto" if rank is None else _data_parallel(accelerator, rank)
    try:
        fabric: Fabric = fabric_class()(
            accelerator=accelerator,
            devices=_devices(compute) if accelerator == "cuda" else compute.devices,
            precision=compute.precision,
            strategy=strategy,
        )
        fabric.launch()
    except (RuntimeError, ValueError, TypeError) as error:
        raise RunError(
            f"cannot train on {compute.accelerator!r} with precision {compute.precision!r}: {error}; choose another "
            f"with --accelerator or --precision"
        ) from error
    return fabric


def _devices(compute: Compute) -> list[int]:
    """The accelerators of this worker; those of the machine are distributed over the workers."""
    first = int(os.environ.get(RANK_VARIABLE, "0")) * compute.devices
    return [(first + place) % torch.cuda.device_count() for place in range(compute.devices)]


def _data_parallel(accelerator: str, rank: Rank) -> Strategy:
    """The strategy of a process that trains a fold with others; connects to them."""
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment
    from lightning_fabric.strategies.ddp import DDPStrategy

    warnings.filterwarnings("ignore", message="Grad strides do not match")  # of convolutions with one channel
    backend = "nccl" if accelerator == "cuda" else "gloo"
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()  # of the previous fold
    # A file store opens no port before all processes are connected; Fabric uses the existing process group.
    store = FileStore(str(rank.meeting_point), rank.count)
    torch.distributed.init_process_group(
        backend, store=store, rank=rank.number, world_size=rank.count, timeout=PATIENCE
    )
    return DDPStrategy(
        cluster_environment=LightningEnvironment(),  # not the one of a batch system, even if there is one
        process_group_backend=backend,
        timeout=PATIENCE,
        **_leave_buffers(),
        find_unused_parameters=True,  # a network may return more than the objective needs
    )


def _leave_buffers() -> dict[str, Any]:
    """The argument that stops torch from broadcasting batch norm statistics in each step; they are already equal."""
    from torch.nn.parallel import DistributedDataParallel

    known = signature(DistributedDataParallel).parameters
    return {"forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers": False}


def check_device(compute: Compute) -> None:
    """Check that this machine has what the recipe asks for, before anything is built.

    Raises:
        RunError: if it does not.
    """
    name = accelerator_name(compute.accelerator)
    there = {"cpu": cores(), "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}[name]
    if not there:
        raise RunError(f"this machine has no {name} device; omit --accelerator, or use --accelerator cpu")
    if compute.devices > there:
        what = "processor core(s)" if name == "cpu" else f"{name} device(s)"
        raise RunError(
            f"--devices {compute.devices}: this machine has {there} {what}; a fold uses devices of one machine"
        )
    if name == "cpu" and compute.precision == "16-mixed":
        raise RunError("16-mixed needs an accelerator; on a CPU use --precision bf16-mixed or 32-true")


def accelerator_name(accelerator: str) -> str:
    """``cuda``, ``mps`` or ``cpu``; resolves ``auto``."""
    if accelerator != "auto":
        return accelerator
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def accelerators(compute: Compute) -> int:
    """Accelerators that a fold needs; 0 if folds run on the CPU."""
    return compute.devices if accelerator_name(compute.accelerator) == "cuda" else 0
