"""Cross-fitted teachers."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from xdistill.recipe.schema.section import Section


class CrossFit(Section):
    """Cross-fitting of the teacher: each training subject is taught by a teacher that did not learn from it."""

    folds: Annotated[int, Field(ge=2)] = Field(
        default=5,
        description="inner folds of the training subjects; a teacher trained without a fold teaches its subjects. "
        "Patients are kept whole",
    )
