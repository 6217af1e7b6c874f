"""Base classes of all parts of a recipe."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import (
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


class Section(BaseModel):
    """Base of all parts of a recipe: frozen; unknown fields are rejected."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)


class Grown(Section):
    """Base of parts with fields that are newer than existing runs.

    A dump leaves these out at their defaults, so that existing runs keep their ids.

    Attributes:
        added: names of these fields.
    """

    added: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _dump(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        plain: dict[str, Any] = handler(self)
        unasked = {name for name in self.added if getattr(self, name) == type(self).model_fields[name].default}
        return {name: value for name, value in plain.items() if name not in unasked}


class Named(BaseModel):
    """Base of parts with a name in ``use`` and settings, which accept the name alone."""

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        return {"use": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Besides the mapping, the name alone."""
        reference = handler(core)
        schema = handler.resolve_ref_schema(reference)
        mapping = {name: value for name, value in schema.items() if name != "description"}
        described = {"description": schema["description"]}
        schema.clear()
        schema.update({**described, "anyOf": [{"enum": list(mapping["properties"]["use"]["enum"])}, mapping]})
        return reference
