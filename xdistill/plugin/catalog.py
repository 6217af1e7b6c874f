"""The catalog: the components of the installed plugins, checked once and frozen."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any

import pluggy

from xdistill.errors import PluginError
from xdistill.interfaces.component import Component, Settings, UnknownComponentError
from xdistill.plugin import specs
from xdistill.plugin.importing import (
    Plugin,
    disabled_plugins,
    import_entry_point,
    import_file,
    plugin_files,
    watched,
)
from xdistill.plugin.kinds import KINDS, Kind, kind_named

_HOOKS = tuple(kind.hook for kind in KINDS)


OWN_FILE = ". Add components from a file with `--plugin FILE`"


@dataclass(frozen=True)
class Entry:
    """One component and where it came from."""

    kind: str
    name: str
    component: type[Component]
    plugin: str
    distribution: str
    version: str


class Catalog:
    """All components by kind and name; read-only."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        table: dict[str, dict[str, Entry]] = {kind.name: {} for kind in KINDS}
        for entry in entries:
            other = table[entry.kind].get(entry.name)
            if other is not None:
                raise PluginError(
                    f"two plugins offer the {entry.kind} {entry.name!r}: {_origin(other)} and {_origin(entry)}; "
                    f"uninstall or disable one of them (--disable-plugin), or omit the file (--plugin)"
                )
            table[entry.kind][entry.name] = entry
        self._table: Mapping[str, Mapping[str, Entry]] = MappingProxyType(
            {kind: MappingProxyType(dict(sorted(names.items()))) for kind, names in table.items()}
        )

    def __iter__(self) -> Iterator[Entry]:
        for names in self._table.values():
            yield from names.values()

    def names(self, kind: str) -> tuple[str, ...]:
        """Names of all components of a kind, sorted.

        Raises:
            UnknownKindError: see `kind_named`; the other methods as well.
        """
        return tuple(self._table[kind_named(kind).name])

    def has(self, kind: str, name: str) -> bool:
        """Whether there is a component of this kind and name."""
        return name in self._table[kind_named(kind).name]

    def entry(self, kind: str, name: str) -> Entry:
        """The component of this kind and name, with its origin.

        Raises:
            UnknownComponentError: if there is none; the message has the nearest name.
        """
        names = self._table[kind_named(kind).name]
        if name not in names:
            raise UnknownComponentError(self._unknown(kind, name))
        return names[name]

    def resolve(self, interface: type[Component], name: str) -> type[Component]:
        """The component of this interface and name; see `Resolver`."""
        return self.entry(_kind_of(interface).name, name).component

    def _unknown(self, kind: str, name: str) -> str:
        known = self.names(kind)
        near = get_close_matches(name, known, n=1)
        if near:
            return f"there is no {kind} {name!r}; did you mean {near[0]!r}?"
        elsewhere = [other for other, names in self._table.items() if name in names]
        if elsewhere:
            return f"{name!r} is {_one(elsewhere[0])}, and {_one(kind)} is required here"
        return f"there is no {kind} {name!r}; available: {', '.join(known) or 'none'}{OWN_FILE}"


def load_catalog(
    *, disabled: Sequence[str] = (), extra: Sequence[Plugin] = (), kinds: Collection[str] | None = None
) -> Catalog:
    """Import every installed plugin and check its components.

    Files selected by `xdistill.plugin.importing.selected` or by the environment are plugins as well.

    Args:
        disabled: names of entry points to leave out, in addition to those in ``XDISTILL_DISABLE_PLUGINS``.
        extra: plugins that are not installed, such as those of tests.
        kinds: names of kinds, such as ``dataset``; components of others are not imported. None: all.

    Raises:
        PluginError: if a plugin is invalid; the message names its distribution.
    """
    left_out = {*disabled, *disabled_plugins()}
    found = [import_entry_point(point) for point in plugin_entry_points() if point.name not in left_out]
    return build_catalog([*found, *map(import_file, plugin_files()), *extra], kinds=kinds)


def plugin_entry_points() -> list[EntryPoint]:
    """The entry points of the group ``xdistill``, sorted by name."""
    return sorted(entry_points(group=specs.ENTRY_POINT_GROUP), key=lambda point: (point.name, point.value))


def build_catalog(plugins: Sequence[Plugin], *, kinds: Collection[str] | None = None) -> Catalog:
    """Check the components of these plugins.

    Raises:
        PluginError: see `load_catalog`.
    """
    manager = pluggy.PluginManager(specs.PROJECT)
    manager.add_hookspecs(specs.hookspecs())
    by_name: dict[str, Plugin] = {}
    for plugin in plugins:
        if plugin.name in by_name:
            raise PluginError(
                f"two plugins are named {plugin.name!r}: one of {by_name[plugin.name].distribution} and one of "
                f"{plugin.distribution}; uninstall one of them"
            )
        by_name[plugin.name] = plugin
        _check_api(plugin)
        _register(manager, plugin)
        _check_hooks(manager, plugin)
    return Catalog(_entries(manager, by_name, kinds))


def _check_api(plugin: Plugin) -> None:
    wanted = getattr(plugin.module, "XDISTILL_API", specs.API_VERSION)
    if wanted != specs.API_VERSION:
        older, newer = (plugin.distribution, "xdistill")
        if not isinstance(wanted, int) or wanted > specs.API_VERSION:
            older, newer = newer, older
        raise PluginError(
            f"{plugin} is written for plugin API {wanted}, but this xdistill supports {specs.API_VERSION}; "
            f"upgrade {older}, or install an older {newer}"
        )


def _register(manager: pluggy.PluginManager, plugin: Plugin) -> None:
    try:
        manager.register(plugin.module, name=plugin.name)
    except (ValueError, pluggy.PluginValidationError) as error:  # the same module twice, or a hook with arguments
        raise PluginError(f"{plugin} cannot be used: {' '.join(str(error).split())}") from error
    if any(caller.name in _HOOKS for caller in manager.get_hookcallers(plugin.module) or ()):
        return
    forgotten = [hook for hook in _HOOKS if callable(getattr(plugin.module, hook, None))]
    if forgotten:
        raise PluginError(
            f"{plugin} has a function {forgotten[0]} that is not marked as a hook; write @hookimpl above it "
            f"(from xdistill.plugin import hookimpl)"
        )


def _check_hooks(manager: pluggy.PluginManager, plugin: Plugin) -> None:
    try:
        manager.check_pending()
    except pluggy.PluginValidationError:
        for caller in manager.get_hookcallers(plugin.module) or []:
            if not caller.has_spec():
                near = get_close_matches(caller.name, _HOOKS, n=1, cutoff=0.8)  # they begin alike
                hint = f"; did you mean `{near[0]}`?" if near else f"; valid hooks: {', '.join(_HOOKS)}"
                raise PluginError(f"{plugin} implements `{caller.name}`, which is not a hook{hint}") from None
        raise
    if not manager.get_hookcallers(plugin.module):
        raise PluginError(f"{plugin} implements no hook; hooks are {', '.join(_HOOKS)}")


def _entries(
    manager: pluggy.PluginManager, plugins: Mapping[str, Plugin], kinds: Collection[str] | None
) -> Iterator[Entry]:
    for kind in KINDS if kinds is None else [kind for kind in KINDS if kind.name in kinds]:
        for implementation in getattr(manager.hook, kind.hook).get_hookimpls():
            plugin = plugins[implementation.plugin_name]
            for component in _call(implementation.function, kind, plugin):
                yield _checked(component, kind, plugin)


def _call(function: Any, kind: Kind, plugin: Plugin) -> Sequence[Any]:
    try:
        with watched(plugin, f"calls {kind.hook}"):
            offered = function()
    except PluginError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(f"{kind.hook} of {plugin} failed: {type(error).__name__}: {error}") from error
    if not isinstance(offered, (list, tuple)):
        raise PluginError(
            f"{kind.hook} of {plugin} must return a list of classes, but returned {type(offered).__name__}"
        )
    return offered


def _checked(component: Any, kind: Kind, plugin: Plugin) -> Entry:
    where = f"{kind.hook} of {plugin}"
    if not (isinstance(component, type) and issubclass(component, kind.interface)):
        raise PluginError(f"{where} offers {component!r}, which is not a subclass of {kind.interface_name}")
    name = getattr(component, "name", None)
    if not isinstance(name, str) or not name:
        raise PluginError(f"{where} offers {component.__qualname__}, which has no `name`")
    settings: Any = component.Config
    if not (isinstance(settings, type) and issubclass(settings, Settings)):
        raise PluginError(f"{where}: {component.__qualname__}.Config is not a subclass of Settings")
    taken = sorted({"use", *kind.fields} & set(settings.model_fields))
    if taken:
        raise PluginError(f"{where}: {component.__qualname__}.Config has the field {taken[0]!r}, which recipes reserve")
    missing = [part for part in dir(component) if getattr(getattr(component, part), "__isabstractmethod__", False)]
    if missing:
        raise PluginError(f"{where}: {component.__qualname__} does not implement {', '.join(missing)}")
    return Entry(kind.name, name, component, plugin.name, plugin.distribution, plugin.version)


def _kind_of(interface: type[Component]) -> Kind:
    for kind in KINDS:
        if kind.interface_name == interface.__name__:
            return kind
    msg = f"{interface!r} is not a kind of component"
    raise TypeError(msg)


def _one(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind.replace('_', ' ')}"


def _origin(entry: Entry) -> str:
    return f"{entry.component.__module__}.{entry.component.__qualname__} of {entry.distribution} {entry.version}"
