"""What every component is: a class with a name and a frozen, checked `Config`.

A component that is built from other components names them in its Config with `Choice`::

    class Config(Settings):
        fusion: Choice[Fusion]                 # in the recipe:  fusion: {use: cross_attention, heads: 4}
        branches: dict[str, Choice[Encoder]]

and builds them with ``config.fusion.build(...)``. The recipe names components, never import paths.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Generic, Protocol, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from xdistill.errors import SettingsError


class Settings(BaseModel):
    """Base of every component's ``Config``: frozen; unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, protected_namespaces=())


class Component:
    """Base of everything a plugin can offer.

    Attributes:
        name: what recipes call it.
        Config: its settings, a nested subclass of `Settings`.
    """

    name: ClassVar[str]
    Config: ClassVar[type[Settings]] = Settings


C_co = TypeVar("C_co", bound=Component, covariant=True)


class Resolver(Protocol):
    """Turns a name into a component class; the catalog is one."""

    def resolve(self, interface: type[Component], name: str) -> type[Component]:
        """The component of that interface and name.

        Raises:
            UnknownComponentError: when there is none.
        """


class UnknownComponentError(LookupError):
    """No component of this name; the message says so and what is near it."""


class Choice(Generic[C_co]):
    """A component chosen by name, with its validated settings, ready to be built.

    Attributes:
        component: the class.
        settings: an instance of its ``Config``.
    """

    __slots__ = ("component", "settings")

    def __init__(self, component: type[C_co], settings: Settings) -> None:
        self.component = component
        self.settings = settings

    @property
    def use(self) -> str:
        """The component's name."""
        return self.component.name

    def build(self, **context: Any) -> C_co:
        """An instance: ``component(settings, **context)``."""
        factory: Any = self.component
        built: C_co = factory(self.settings, **context)
        return built

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Choice) and (self.component, self.settings) == (
            other.component,
            other.settings,
        )

    def __hash__(self) -> int:
        return hash((self.component, self.settings))

    def __repr__(self) -> str:
        return f"Choice({self.use}, {self.settings!r})"

    def dump(self) -> dict[str, Any]:
        """The block as a recipe writes it, defaults filled in."""
        return {"use": self.use, **self.settings.model_dump(mode="json")}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        del handler
        (interface,) = get_args(source) or (Component,)

        def validate(value: Any, info: ValidationInfo) -> Choice[Any]:
            return choose(interface, value, _resolver(info))

        return core_schema.with_info_plain_validator_function(
            validate, serialization=core_schema.plain_serializer_function_ser_schema(Choice.dump)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        del schema, handler
        return {
            "type": "object",
            "properties": {"use": {"type": "string"}},
            "required": ["use"],
            "additionalProperties": True,
        }


def choose(interface: type[C_co], value: Any, resolver: Resolver) -> Choice[C_co]:
    """Resolve and validate a block ``{use: name, ...settings}``.

    Raises:
        PydanticCustomError: if the block is not a mapping with ``use``, or the name is unknown.
        pydantic.ValidationError: if the settings are invalid.
    """
    if isinstance(value, Choice):
        return value
    if isinstance(value, str):
        value = {"use": value}
    if not isinstance(value, Mapping) or not isinstance(value.get("use"), str):
        raise PydanticCustomError("choice", "name a component here, as in {use: some_name}")
    settings = {key: item for key, item in value.items() if key != "use"}
    try:
        component = resolver.resolve(interface, value["use"])
    except UnknownComponentError as error:
        raise PydanticCustomError("unknown_component", "{reason}", {"reason": str(error)}) from None
    return Choice(
        component,  # type: ignore[arg-type]  # the resolver checked the interface
        component.Config.model_validate(settings, context={"resolver": resolver}),
    )


def _resolver(info: ValidationInfo) -> Resolver:
    if not info.context or "resolver" not in info.context:
        msg = "a Choice is validated with context={'resolver': catalog}"
        raise TypeError(msg)
    resolver: Resolver = info.context["resolver"]
    return resolver


@contextmanager
def within_field(path: str) -> Iterator[None]:
    """Settings errors of a part name the part's field: wrap ``config.fusion.build(...)`` in ``within_field("fusion")``.

    Args:
        path: dotted field of the component's own Config, such as ``branches.hbp``.

    Raises:
        SettingsError: that of the part, whose field then begins with ``path``.
    """
    try:
        yield
    except SettingsError as error:
        raise SettingsError(str(error), field=f"{path}.{error.field}".rstrip(".")) from error
