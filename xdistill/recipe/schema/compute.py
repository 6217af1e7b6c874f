"""How a recipe's batches are made, and what its arithmetic runs on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from xdistill.recipe.schema.section import Grown


class Loader(Grown):
    """How subjects become batches."""

    added = frozenset({"prefetch"})

    batch_size: Annotated[int, Field(ge=1)] = Field(default=8, description="subjects a batch")
    drop_last: bool = Field(default=False, description="leave out a last batch that is not full")
    workers: Annotated[int, Field(ge=0)] = Field(
        default=0, description="processes that prepare batches for each job; 0: in the job itself"
    )
    prefetch: bool | None = Field(
        default=None,
        description="prepare the next batch in a thread while a step computes; left out: on accelerators, where steps "
        "wait, and where a core is lent; not part of a run's identity",
    )
    memory_mb: Annotated[int, Field(ge=1)] = Field(
        default=4096, description="a cohort larger than this is streamed from disk instead of read into memory"
    )


class Compute(Grown):
    """What the arithmetic runs on; part of a run's identity, since it decides the last bits."""

    added = frozenset({"compile"})

    accelerator: Literal["auto", "cpu", "cuda", "mps"] = Field(
        default="auto", description="what to compute on; auto: the best that the machine has"
    )
    devices: Annotated[int, Field(ge=1)] = Field(
        default=1,
        description="devices that train a fold together, each a share of every batch; folds are dealt out over all "
        "accelerators of the machine in any case; on a processor, processes",
    )
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = Field(
        default="32-true", description="of the arithmetic, as Lightning Fabric names it"
    )
    threads: Annotated[int, Field(ge=1)] = Field(default=1, description="CPU threads a job")
    channels_last: bool = Field(default=True, description="keep images channels-last, which convolutions like")
    compile: bool = Field(
        default=False,
        description="let torch.compile translate the networks that learn: a minute or more before the first step, then "
        "faster steps; wants a C++ compiler",
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
