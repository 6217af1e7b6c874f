"""How batches are loaded, and the device, precision and threads of the computation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from xdistill.recipe.schema.section import Grown


class Loader(Grown):
    """How batches are loaded."""

    added = frozenset({"prefetch"})

    batch_size: Annotated[int, Field(ge=1)] = Field(default=8, description="subjects per batch")
    drop_last: bool = Field(default=False, description="drop the last batch of an epoch if it is not full")
    workers: Annotated[int, Field(ge=0)] = Field(
        default=0, description="processes per job that load batches; 0: the job itself"
    )
    prefetch: bool | None = Field(
        default=None,
        description="prepare the next batch in a thread while a step computes; default: only on accelerators; not "
        "part of a run's identity",
    )
    memory_mb: Annotated[int, Field(ge=1)] = Field(
        default=4096, description="cohorts larger than this are streamed from disk instead of loaded into memory"
    )


class Compute(Grown):
    """Device, precision and threads; part of a run's identity, because they determine the last bits."""

    added = frozenset({"compile"})

    accelerator: Literal["auto", "cpu", "cuda", "mps"] = Field(
        default="auto", description="auto: the best device of the machine"
    )
    devices: Annotated[int, Field(ge=1)] = Field(
        default=1,
        description="devices that train one fold together, each with a part of every batch; on the CPU, processes; "
        "separate folds are distributed over all accelerators in any case",
    )
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = Field(
        default="32-true", description="as in Lightning Fabric"
    )
    threads: Annotated[int, Field(ge=1)] = Field(default=1, description="CPU threads per job")
    channels_last: bool = Field(
        default=True, description="store images channels-last, which is faster for convolutions"
    )
    compile: bool = Field(
        default=False,
        description="compile the trained networks with torch.compile: a minute or more before the first step, then "
        "faster steps; requires a C++ compiler",
    )

    @field_validator("compile")
    @classmethod
    def _alone(cls, compiled: bool, info: ValidationInfo) -> bool:
        if compiled and info.data.get("devices", 1) > 1:
            raise PydanticCustomError(
                "compiled_together",
                "`compile` does not support several devices; leave out `compute.compile`, or set `compute.devices: 1`",
            )
        return compiled
