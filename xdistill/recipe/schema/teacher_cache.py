"""Reuse of trained teachers and their outputs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from xdistill.recipe.schema.section import Section


class TeacherCache(Section):
    """The cache of trained teachers and of the outputs of frozen ones; not part of a run's identity."""

    use: Literal["auto", "off"] = Field(
        default="auto", description="auto: wherever the results are bit-identical; off: no caching"
    )
    outputs_mb: Annotated[int, Field(ge=1)] = Field(
        default=1024,
        description="a stage whose cached teacher outputs would exceed this size caches none",
    )
    disk_mb: Annotated[int, Field(ge=1)] = Field(
        default=8192, description="maximum size of the folder; the least recently used entries are removed first"
    )
