"""How one recipe overrides another.

Mappings merge field by field; lists and scalars replace. A block that names another component (`use`) replaces the
whole block, because the settings of one component do not apply to another. Null over a mapping removes the mapping,
so that the default applies; null over anything else is a value like any other.
"""

from __future__ import annotations

from dataclasses import replace

from xdistill.recipe.yaml.nodes import Entry, ListNode, MappingNode, Node, ScalarNode


def merge(base: MappingNode, over: MappingNode) -> MappingNode:
    """Merge ``over`` into ``base``; neither is modified."""
    if _names_another(base, over):
        return over
    if over.written_for is not None and base.use() != over.written_for:
        return base
    entries = dict(base.entries)
    for name, entry in over.entries.items():
        below = entries.get(name)
        if below is None:
            if not _refines_a_component(entry.value):  # which a recipe in between has removed
                entries[name] = entry
            continue
        merged = _merged_entry(below, entry)
        if merged is None:
            del entries[name]
        else:
            entries[name] = merged
    # The position of a block is where its component is named; a layer that only adds fields does not move it.
    origin = over.origin if "use" in over.entries else base.origin
    return replace(base, entries=entries, origin=origin)


def written_for(over: MappingNode, base: MappingNode) -> MappingNode:
    """Record in every mapping of ``over`` without `use` for which component of ``base`` it was written.

    A profile of a base recipe refines the base's components. When a recipe that extends the base names another
    component there, or removes the component, `merge` ignores these refinements.
    """
    entries = dict(over.entries)
    for name, entry in over.entries.items():
        below = base.get(name)
        if isinstance(entry.value, MappingNode) and isinstance(below, MappingNode):
            entries[name] = Entry(entry.key, written_for(entry.value, below))
    component = base.use() if over.get("use") is None else None
    return replace(over, entries=entries, written_for=component if isinstance(component, str) else None)


def put(node: Node, path: tuple[str | int, ...], value: Node) -> Node:
    """Merge a value into the path of a tree, creating missing mappings on the way.

    The path must be one that `find_place` returned: it leads through mappings, existing list items and nulls.
    """
    if not path:
        return merge(node, value) if isinstance(node, MappingNode) and isinstance(value, MappingNode) else value
    part, rest = path[0], path[1:]
    if isinstance(node, ListNode):
        items = list(node.items)
        items[int(part)] = put(items[int(part)], rest, value)
        return ListNode(tuple(items), node.origin)
    mapping = node if isinstance(node, MappingNode) else MappingNode({}, value.origin)
    return _put_in_mapping(mapping, str(part), rest, value)


def _put_in_mapping(node: MappingNode, name: str, rest: tuple[str | int, ...], value: Node) -> Node:
    entry = node.entries.get(name)
    if name == "use" and not rest:
        return merge(node, MappingNode({"use": Entry(value.origin, value)}, node.origin))
    if not rest:
        merged = _merged_entry(entry, Entry(value.origin, value)) if entry else Entry(value.origin, value)
        entries = {other: kept for other, kept in node.entries.items() if other != name or merged}
        return replace(node, entries={**entries, name: merged} if merged else entries)
    below = entry.value if entry else MappingNode({}, value.origin)
    key = entry.key if entry else value.origin
    return replace(node, entries={**node.entries, name: Entry(key, put(below, rest, value))})


def is_null(node: Node) -> bool:
    """Whether a value is null."""
    return isinstance(node, ScalarNode) and node.value is None


def _merged_entry(base: Entry, over: Entry) -> Entry | None:
    if isinstance(base.value, MappingNode):
        if is_null(over.value):
            return None
        if isinstance(over.value, MappingNode):
            merged = merge(base.value, over.value)
            return Entry(over.key if merged is over.value else base.key, merged)
    return over


def _refines_a_component(node: Node) -> bool:
    return isinstance(node, MappingNode) and node.written_for is not None


def _names_another(base: MappingNode, over: MappingNode) -> bool:
    return "use" in base.entries and "use" in over.entries and base.use() != over.use()
