"""Reuse of trained teachers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from xdistill.recipe.schema.section import Section


class TeacherCache(Section):
    """The cache of trained teachers; not part of a run's identity."""

    use: Literal["auto", "off"] = Field(
        default="auto", description="auto: wherever the results are bit-identical; off: no caching"
    )
    outputs_mb: Annotated[int, Field(ge=1)] = Field(
        default=1024,
        description="no longer used; accepted so that older recipes keep working",
    )
    disk_mb: Annotated[int, Field(ge=1)] = Field(
        default=8192, description="maximum size of the folder; the least recently used entries are removed first"
    )
