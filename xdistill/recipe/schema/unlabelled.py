"""Training subjects without a label."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from xdistill.recipe.schema.section import Section


class Unlabelled(Section):
    """Labels withheld from training, to measure what the teacher's labels are worth in their place."""

    fraction: Annotated[float, Field(gt=0, lt=1)] = Field(
        description="fraction of the training patients of each fold whose labels are withheld, in each class alike: "
        "these subjects train the student by distillation alone, and the teacher not at all"
    )
    seed: Annotated[int, Field(ge=0)] = Field(default=0, description="seed of the choice")
