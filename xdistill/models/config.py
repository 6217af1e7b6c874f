"""``config.json`` of a model folder, and the part of a run's record that says how to use its students.

docs/formats/model.md describes the format.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from xdistill.errors import ModelError
from xdistill.recipe.schema.compute import Compute
from xdistill.types import Schema

FORMAT = "xdistill-model"
FORMAT_VERSION = 1

Name = Annotated[str, Field(pattern=r"^[\w.-]+$", max_length=200)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class ReaderConfig(_Part):
    """How new subjects are read: which data set's reader, and its settings."""

    use: str
    settings: dict[str, Any]


class StudentConfig(_Part):
    """A student without its weights.

    Attributes:
        name: of the recipe.
        schema_: modalities that the student reads, and the task, as `Schema.to_json`.
        student: the recipe's block.
        transforms: the recipe's blocks for the student's modalities.
        privileged: names of the modalities that only the teacher saw.
        optional: modalities that some training subjects lacked; new subjects may lack them.
        reader: None if new subjects can only be passed as arrays or as columns of a table.
        stored: type in which images and volumes were cached, to which new ones are rounded as well.
        compute: precision, threads and layout of the training.
        synthetic: whether the training subjects are generated.
        cohort: title of the training cohort.
        versions: of everything that the networks come from.
        labels: the recipe's block `task`, by which labels of new subjects are read; None if it has none.
    """

    name: str
    schema_: dict[str, Any] = Field(alias="schema")
    student: dict[str, Any]
    transforms: list[dict[str, Any]]
    privileged: list[str]
    optional: list[str]
    reader: ReaderConfig | None
    stored: Literal["float32", "float16"]
    compute: Compute
    synthetic: bool
    cohort: str
    versions: dict[str, str]
    labels: dict[str, Any] | None = None

    @field_validator("schema_")
    @classmethod
    def _readable(cls, value: dict[str, Any]) -> dict[str, Any]:
        try:
            Schema.from_json(value)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"not a schema: {type(error).__name__}: {error}") from None
        return value

    @property
    def schema_of_inputs(self) -> Schema:
        """Modalities that the student reads, before its transforms, and the task."""
        return Schema.from_json(self.schema_)

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary; without `labels` if there are none, so that older versions read it."""
        data = self.model_dump(mode="json", by_alias=True)
        return data if self.labels is not None else {name: value for name, value in data.items() if name != "labels"}


class MemberConfig(_Part):
    """One network of a model.

    Attributes:
        name: ``fit``, or the fold that it was trained in.
        weights: name of its file.
        transforms: fitted values of the transforms, as `FittedTransforms.state`.
    """

    name: Name
    weights: Name
    transforms: dict[str, Any]


class ModelConfig(StudentConfig):
    """The whole ``config.json``."""

    format: Literal["xdistill-model"]
    format_version: Literal[1]
    members: Annotated[list[MemberConfig], Field(min_length=1, max_length=1000)]


def parse(kind: type[StudentConfig], data: Any, where: str) -> Any:
    """Validate plain data.

    Raises:
        ModelError: saying which field of which file is wrong.
    """
    if isinstance(data, Mapping) and kind is ModelConfig:
        if data.get("format") != FORMAT:
            raise ModelError(f"{where}: not the configuration of a model (`format` is not {FORMAT})")
        if data.get("format_version") != FORMAT_VERSION:
            raise ModelError(
                f"{where}: format version {data.get('format_version')}; this version of xdistill reads version "
                f"{FORMAT_VERSION}. Use the version of xdistill that wrote it"
            )
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the whole file"
        raise ModelError(f"{where}: `{field}`: {first['msg']}; the file is not valid") from None
