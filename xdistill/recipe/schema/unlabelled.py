"""Training subjects without a label."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from xdistill.recipe.schema.section import Section


class Unlabelled(Section):
    """Subjects without a label, and labels withheld to measure what the teacher's labels are worth in their place."""

    use: Literal["distil", "leave_out"] = Field(
        default="distil",
        description="subjects whose label is missing in the data: distil: they train the student by distillation "
        "alone, and the teacher not at all; leave_out: they are removed from training, for comparison",
    )
    fraction: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0,
        description="fraction of the training patients of each fold whose labels are withheld, in each class alike: "
        "these subjects train the student by distillation alone, and the teacher not at all",
    )
    seed: Annotated[int, Field(ge=0)] = Field(default=0, description="seed of the choice")

    @model_serializer(mode="wrap")
    def _dump(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out `use` at its default: it is newer than existing runs."""
        plain: dict[str, Any] = handler(self)
        return {name: value for name, value in plain.items() if name != "use" or value != "distil"}
