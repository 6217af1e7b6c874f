"""The base of all suites: which component, which tests apply, which are expected to fail."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache, wraps
from types import ModuleType
from typing import Any, ClassVar, TypeVar

from pydantic import ValidationError

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Choice, Component, Resolver, Settings
from xdistill.plugin.catalog import Catalog, build_catalog, load_catalog
from xdistill.plugin.importing import Plugin
from xdistill.plugin.kinds import BY_NAME
from xdistill.plugin.specs import hookimpl
from xdistill.recipe.wording import worded

Test = TypeVar("Test", bound=Callable[..., None])

_PROMISE = "_only_with_promise"


def require(condition: bool, message: str) -> None:
    """Fail the running check unless the condition holds.

    Raises:
        AssertionError: with the message.
    """
    __tracebackhide__ = True  # pytest shows the check, not this line
    if not condition:
        raise AssertionError(message)


def promised(attribute: str, *, expected: bool = True) -> Callable[[Test], Test]:
    """A test that runs if the suite's attribute of this name is set; if it is not, with ``expected=False``."""

    def mark(test: Test) -> Test:
        setattr(test, _PROMISE, (attribute, expected))
        return test

    return mark


class Conformance:
    """Base of all suites; inherit from the suite of your component's kind.

    Attributes:
        component: the class under test.
        settings: its settings, as a recipe writes them; an autouse fixture of the subclass may set them on ``self``.
        expected_failures: names of tests that this component cannot pass, each with the reason. They run all the
            same, and one that passes is reported as a failure.
        kind: the kind of component that the suite is for.
    """

    component: ClassVar[type[Component]]
    settings: Mapping[str, Any] = {}
    expected_failures: ClassVar[Mapping[str, str]] = {}
    kind: ClassVar[str]
    _tests: ClassVar[Mapping[str, Callable[..., None]]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        own = {name: test for name, test in vars(cls).items() if name.startswith("test_") and callable(test)}
        cls._tests = {**cls._tests, **own}
        for name, test in cls._tests.items():
            attribute, expected = getattr(test, _PROMISE, ("", True))
            if attribute:  # pytest does not collect None; a subclass that promises gets the test back
                setattr(cls, name, test if bool(getattr(cls, attribute)) == expected else None)
        for name, reason in cls.expected_failures.items():
            _expect_failure(cls, name, reason)

    def choice(self) -> Choice[Any]:
        """The component with its settings, validated."""
        return Choice(self.component, self.checked(self.settings))

    def checked(self, settings: Mapping[str, Any]) -> Settings:
        """Settings of the component, as a recipe writes them, validated.

        Raises:
            SettingsError: with each invalid setting and what is allowed.
        """
        __tracebackhide__ = True  # pytest shows who gave them
        try:
            return self.component.Config.model_validate(settings, context={"resolver": self.resolver()})
        except ValidationError as error:
            raise SettingsError(_invalid(self.component, error)) from None

    def resolver(self) -> Resolver:
        """Finds components that the settings name; the installed ones, unless a subclass knows others."""
        return _Installed()

    def test_the_catalog_takes_it(self) -> None:
        """It has a name and a Config, implements what its interface asks for, and its fields are its own."""
        (entry,) = build_catalog([_plugin_of(self.component, self.kind)])
        require(entry.name == self.component.name, f"the catalog calls it {entry.name!r}")

    def test_it_says_what_it_is(self) -> None:
        """Its docstring begins with a line for the list of components."""
        line = (self.component.__doc__ or "").strip().partition("\n")[0]
        require(bool(line), f"{self.component.__qualname__} has no docstring; its first line is what lists show")

    def test_settings_survive_json(self) -> None:
        """Workers and records get the settings as JSON, and have to come to the same component with them."""
        choice = self.choice()
        dumped = json.loads(json.dumps(choice.settings.model_dump(mode="json"), allow_nan=False))
        again = self.checked(dumped)
        require(again == choice.settings, f"{choice.settings!r} came back from JSON as {again!r}")


def _invalid(component: type[Component], error: ValidationError) -> str:
    """What is wrong with a component's settings, in the words that a recipe's author reads."""
    known = component.Config.model_fields
    problems = []
    for details in error.errors(include_url=False):
        path = ".".join(map(str, details["loc"]))
        info = known.get(path)
        words = worded(details, description=(info and info.description) or "", known=known if "." not in path else ())
        problems.append(f"{path}: {words}" if path else words)
    return f"the settings that {component.__qualname__} ({component.name!r}) is tested with: {'; '.join(problems)}"


class _Installed:
    """Resolves names among what is installed, once one has to be resolved."""

    def resolve(self, interface: type[Component], name: str) -> type[Component]:
        """See `Resolver.resolve`."""
        return _catalog().resolve(interface, name)


@cache
def _catalog() -> Catalog:
    return load_catalog()


def _expect_failure(cls: type[Conformance], name: str, reason: str) -> None:
    import pytest

    test = getattr(cls, name, None)
    if not name.startswith("test_") or not callable(test):
        raise TypeError(f"{cls.__qualname__} expects {name!r} to fail, and has no such test")

    @wraps(test)
    def expected(self: Conformance, *args: Any, **options: Any) -> None:
        test(self, *args, **options)

    setattr(cls, name, pytest.mark.xfail(reason=reason, strict=True)(expected))


def _plugin_of(component: type[Component], kind: str) -> Plugin:
    def offered() -> list[type[Component]]:
        return [component]

    hook = BY_NAME[kind].hook
    offered.__name__ = hook
    module = ModuleType("conformance")
    setattr(module, hook, hookimpl(offered))
    return Plugin("conformance", module, component.__module__.partition(".")[0], "under test")
