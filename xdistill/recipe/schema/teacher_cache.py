"""What a recipe says of keeping teachers, and what they say, for other runs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from xdistill.recipe.schema.section import Section


class TeacherCache(Section):
    """Whether trained teachers and the outputs of frozen ones are kept; not part of a run's identity."""

    use: Literal["auto", "off"] = Field(
        default="auto", description="auto: wherever the same bits come out; off: nothing is kept, and nothing reused"
    )
    outputs_mb: Annotated[int, Field(ge=1)] = Field(
        default=1024,
        description="where a stage of a fold would keep more of a frozen teacher's outputs than this, it keeps none",
    )
    disk_mb: Annotated[int, Field(ge=1)] = Field(
        default=8192, description="beyond this size of the folder, what was not used for longest is removed"
    )
