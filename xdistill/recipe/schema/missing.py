"""What a recipe says of subjects who lack something that only the teacher reads."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator
from pydantic_core import PydanticCustomError

from xdistill.recipe.schema.section import Named, Section


class Missing(Named, Section):
    """What becomes of subjects who lack something that only the teacher reads; a name alone, as in `skip`, will do."""

    use: Literal["refuse", "skip", "impute", "modality_dropout", "leave_out"] = Field(
        default="refuse",
        description="refuse: stop with a message; skip: such subjects teach the student by their labels alone; impute: "
        "the teacher is given what the transforms make of missing vectors, and zeros for images; modality_dropout: the "
        "same, and in training it is now and then refused what is there; leave_out: such subjects leave training",
    )
    rate: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.3,
        description="modality_dropout: probability with which a training subject's modality is withheld from the "
        "teacher, drawn anew for each subject, modality and epoch",
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
