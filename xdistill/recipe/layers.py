"""A recipe file and the files it extends, each read into a tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn

from xdistill.errors import Problem, RecipeError
from xdistill.recipe.bundled import bundled_names, find_bundled, has_ending
from xdistill.recipe.files import UnreadableError, is_file, is_folder, names_in_folder_of, read_text, shown
from xdistill.recipe.merge import is_null
from xdistill.recipe.schema.recipe import Recipe
from xdistill.recipe.yaml.nodes import Entry, MappingNode, Node, Origin, ScalarNode
from xdistill.recipe.yaml.reader import read_yaml
from xdistill.suggest import did_you_mean
from xdistill.untrusted import kind_of, shortened


@dataclass(frozen=True)
class Layer:
    """One recipe without what it extends.

    Attributes:
        tree: its fields, without `extends` and `profiles`.
        profiles: the fields that each profile changes.
        file: the file it came from; None for recipes made in Python.
    """

    tree: MappingNode
    profiles: Mapping[str, MappingNode] = field(default_factory=dict)
    file: Path | None = None


@dataclass
class Chain:
    """A recipe and all that it extends, the outermost base first.

    Attributes:
        layers: base first.
        problems: found so far in files that are valid YAML.
    """

    layers: list[Layer]
    problems: list[Problem]


def read_chain(path: Path) -> Chain:
    """Read a recipe file and all that it extends.

    Args:
        path: the file.

    Raises:
        RecipeError: when one of the files cannot be read or parsed.
    """
    return extend_chain(Chain([], []), path, Origin(), ())


def chain_of_tree(root: Node) -> Chain:
    """The chain of a recipe that was made in Python."""
    chain = Chain([], [])
    return _add(chain, root, None, ())


def extend_chain(chain: Chain, path: Path, asked_by: Origin, seen: tuple[Path, ...]) -> Chain:
    """Add a file below the layers of a chain, and what it extends below that.

    Args:
        chain: what is read so far; changed.
        path: the file.
        asked_by: where `extends` names it.
        seen: files that extend it, resolved.

    Raises:
        RecipeError: see `read_chain`.
    """
    resolved = path.resolve()
    if resolved in seen:
        names = " -> ".join(file.name for file in (*seen[seen.index(resolved) :], resolved))
        _refuse(chain, asked_by.problem(f"circular `extends`: {names}", ("extends",)))
    source = shown(path)
    try:
        text = read_text(path, source)
    except UnreadableError as error:
        _refuse(chain, error.problem)
    reading = read_yaml(text, source, resolved.parent)
    chain.problems += reading.problems
    if not reading.understood:
        raise RecipeError(chain.problems)
    if reading.root is None or is_null(reading.root):
        _refuse(
            chain,
            Problem("the file is empty; a recipe needs at least `name`, `data`, `student` and `stages`", "", source),
        )
    return _add(chain, reading.root, resolved, (*seen, resolved))


def find_recipe(name: str) -> Path:
    """The file that a user means: a path, or the bare name of a bundled recipe.

    Raises:
        RecipeError: when neither exists.
    """
    path = Path(name)
    if is_file(path):
        return path
    found = find_bundled(name)
    if found:
        return found
    if is_folder(path):
        message = "expected a recipe file, got a folder"
    elif kind := kind_of(path):
        message = f"expected a recipe file, got {kind}"
    elif has_ending(name):
        message = f"no such file{_near_file(path)}"
    else:
        message = f"no such file or bundled recipe{did_you_mean(name, bundled_names(), 'recipes')}"
    raise RecipeError([Problem(message, "", shortened(name))])


def _add(chain: Chain, root: Node | None, file: Path | None, seen: tuple[Path, ...]) -> Chain:
    if not isinstance(root, MappingNode):
        origin = root.origin if root else Origin()
        _refuse(chain, origin.problem("a recipe should be a mapping of fields, such as `name: my_experiment`"))
    known = {*Recipe.model_fields, "extends", "profiles"}
    if file is not None and not known & set(root.entries):  # such as a file of passwords, which is not quoted
        _refuse(chain, Problem("not a recipe: none of its fields is one of a recipe", "", shown(file)))
    chain.layers.insert(0, _layer(chain, root, file))
    extends = root.entries.get("extends")
    if extends is None:
        return chain
    origin = extends.value.origin
    value = extends.value.value if isinstance(extends.value, ScalarNode) else None
    if not isinstance(value, str) or not value:
        _refuse(chain, origin.problem("should be a recipe file or the name of a bundled recipe", ("extends",)))
    return extend_chain(chain, _base_file(chain, value, origin), origin, seen)


def _base_file(chain: Chain, value: str, origin: Origin) -> Path:
    path = (origin.folder or Path()) / value
    if is_file(path):
        return path
    found = find_bundled(value)
    if found:
        return found
    if kind := kind_of(path):
        message = f"expected a recipe file, got {kind}: `{shortened(value)}`"
    elif has_ending(value):
        message = f"no file `{shortened(value)}` in the folder of this recipe{_near_file(path)}"
    else:
        message = f"unknown bundled recipe `{shortened(value)}`{did_you_mean(value, bundled_names(), 'recipes')}"
    raise RecipeError([*chain.problems, origin.problem(message, ("extends",))])


def _layer(chain: Chain, root: MappingNode, file: Path | None) -> Layer:
    entries = {name: entry for name, entry in root.entries.items() if name not in {"extends", "profiles"}}
    return Layer(replace(root, entries=entries), _profiles(chain, root.entries.get("profiles")), file)


def _profiles(chain: Chain, entry: Entry | None) -> dict[str, MappingNode]:
    if entry is None or is_null(entry.value):
        return {}
    if not isinstance(entry.value, MappingNode):
        message = "should be a mapping of profile names to fields, such as `paper: {seed: 1}`"
        chain.problems.append(entry.value.origin.problem(message, ("profiles",)))
        return {}
    profiles: dict[str, MappingNode] = {}
    for name, profile in entry.value.entries.items():
        value = MappingNode({}, profile.key) if is_null(profile.value) else profile.value
        if not isinstance(value, MappingNode):
            message = "should be a mapping of the fields that this profile changes"
            chain.problems.append(profile.key.problem(message, ("profiles", name)))
            continue
        for word in {"extends", "profiles"} & set(value.entries):
            message = f"`{word}` is not allowed in a profile; move it to the top level of the recipe"
            chain.problems.append(value.entries[word].key.problem(message, ("profiles", name, word)))
        kept = {field: below for field, below in value.entries.items() if field not in {"extends", "profiles"}}
        profiles[name] = replace(value, entries=kept)
    return profiles


def _near_file(path: Path) -> str:
    return did_you_mean(path.name, names_in_folder_of(path), "files")


def _refuse(chain: Chain, problem: Problem) -> NoReturn:
    raise RecipeError([*chain.problems, problem])
