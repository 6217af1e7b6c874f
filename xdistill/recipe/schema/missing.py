"""How to treat subjects with missing privileged modalities."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator
from pydantic_core import PydanticCustomError

from xdistill.recipe.schema.section import Named, Section


class Missing(Named, Section):
    """How to treat subjects with missing privileged modalities; a name alone, such as `skip`, is enough."""

    use: Literal["refuse", "skip", "impute", "modality_dropout", "leave_out"] = Field(
        default="refuse",
        description="refuse: stop with an error; skip: these subjects train the student by their labels alone; impute: "
        "the teacher gets vectors imputed by the transforms, and zeros for images; modality_dropout: the same, and in "
        "training available modalities are removed at random; leave_out: exclude these subjects from training",
    )
    rate: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.3,
        description="modality_dropout: probability of removing a modality of a training subject from the teacher's "
        "input, drawn for each subject, modality and epoch",
    )

    @model_validator(mode="after")
    def _rate_of_dropout(self) -> Missing:
        if "rate" in self.model_fields_set and self.use != "modality_dropout":
            raise PydanticCustomError(
                "rate_without_dropout",
                "`rate` applies to `modality_dropout` only, not to `{use}`; leave it out",
                {"use": self.use, "place": ("rate",)},
            )
        return self

    @model_serializer(mode="wrap")
    def _dump(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave `rate` out where it does not matter."""
        plain: dict[str, Any] = handler(self)
        return plain if self.use == "modality_dropout" else {"use": self.use}
