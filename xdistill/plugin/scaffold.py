"""Writes the files of a new plugin: one module, its entry point, its tests, a page to read first."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from string import Template

from xdistill.errors import PluginError
from xdistill.plugin.catalog import plugin_entry_points
from xdistill.plugin.kinds import Kind, kind_named

_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
_LONGEST = 60


@dataclass(frozen=True)
class _Start:
    """What is particular to a kind.

    Attributes:
        attributes: of the generated test class.
        example: how a recipe names the component; empty: as an item of the kind's list, or as the field of its name.
    """

    attributes: tuple[str, ...] = ()
    example: str = ""


_STARTS: Mapping[str, _Start] = {
    "dataset": _Start(('settings = {"subjects": 12}',), "data: {use: $name, subjects: 60}"),
    "task": _Start(
        ('labels = {"label": ["1", "2", "4", "8", "3", "5", "9", "2"]}', 'refused = {"label": ["1", "0"]}'),
        "task: {use: $name, column: crp}",
    ),
    "transform": _Start(
        ('settings = {"modality": "table"}', "fills = True"),
        "transforms:\n  - {use: $name, modality: clinical}",
    ),
    "augmentation": _Start(
        ('settings = {"modality": "scan"}', 'affected = ("scan",)'),
        "augment:\n  - {use: $name, modality: hbp}",
    ),
    "encoder": _Start(
        ('settings = {"inputs": ["scan", "table"]}',),
        "student:\n  use: multibranch\n  branches:\n    hbp: {use: $name, inputs: [hbp]}",
    ),
    "fusion": _Start(
        (),
        "student:\n  use: multibranch\n  fusion: {use: $name}\n  branches:\n    hbp: {use: mri_only, inputs: [hbp]}\n"
        "    pre: {use: mri_only, inputs: [pre]}",
    ),
    "estimator": _Start(
        (),
        "student:\n  use: fitted\n  inputs: [clinical]\n  estimator: {use: $name}\nstages:\n"
        "  - {name: fit, fit: [student.estimator]}",
    ),
    "teacher": _Start(
        ('settings = {"modalities": ["scan", "table"]}',),
        "teacher: {use: $name, modalities: [hbp, clinical]}",
    ),
    "student": _Start(('settings = {"modalities": ["scan"]}',), "student: {use: $name, modalities: [hbp]}"),
    "task_loss": _Start(
        (),
        "stages:\n  - name: joint\n    train: [student]\n    epochs: 20\n    objective:\n"
        "      - {use: $name, on: student}",
    ),
    "distillation_loss": _Start(
        ('settings = {"taps": ["first", "second"]}', 'at_identity = "zero"'),
        "stages:\n  - name: joint\n    train: [teacher, student]\n    epochs: 20\n    objective:\n"
        "      - {use: cross_entropy, on: teacher}\n      - {use: cross_entropy, on: student}\n"
        "      - {use: $name, taps: [hbp, pre], weight: 0.5}",
    ),
}


def plugin_files(name: str, kind: str) -> dict[str, str]:
    """The files of a new plugin, by their paths in its folder.

    Args:
        name: such as ``my-loss``: the distribution is called that, the component and its module ``my_loss``.
        kind: of component.

    Raises:
        PluginError: when the name cannot be used, or there is no such kind.
    """
    about = kind_named(kind)
    source = _template(f"{kind}.py")
    module = _checked(name, source)
    start = _STARTS.get(kind, _Start())
    words = {
        "distribution": name.replace("_", "-"),
        "module": module,
        "name": module,
        "class_name": _class_name(name),
        "kind": kind,
        "kind_in_words": kind.replace("_", " "),
        "hook": about.hook,
        "suite": about.suite,
        "attributes": "\n".join(f"    {line}" for line in start.attributes),
        "example": Template(start.example or _example(about)).substitute(name=module),
    }
    texts = {
        f"{module}.py": source,
        "pyproject.toml": _template("pyproject.toml"),
        "README.md": _template("README.md"),
        f"tests/test_{module}.py": _template("test.py"),
    }
    return {path: Template(text).substitute(words).rstrip() + "\n" for path, text in texts.items()}


def write_plugin(name: str, kind: str, *, parent: Path) -> list[Path]:
    """Write a new plugin into a folder of its own below ``parent``; nothing that is there is touched.

    Raises:
        PluginError: when the name cannot be used, and when the folder exists or cannot be written.
    """
    files = plugin_files(name, kind)
    folder = parent / name.replace("_", "-")
    try:
        folder.mkdir(parents=True)
        for path, text in files.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
    except FileExistsError:
        raise PluginError(f"{folder} already exists; choose another name, or another folder with --to") from None
    except OSError as error:
        raise PluginError(
            f"{folder} cannot be written: {error.strerror or error}; choose another folder with --to"
        ) from error
    return [folder / path for path in files]


def _example(kind: Kind) -> str:
    return f"{kind.listed}:\n  - {{use: $name}}" if kind.listed else f"{kind.name}: {{use: $name}}"


def _checked(name: str, source: str) -> str:
    """The module's name, or what is wrong with the plugin's."""
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise PluginError(
            f"{name!r} is not a valid plugin name: use lower-case letters and digits, in words joined by - or _, such "
            f"as my-loss"
        )
    module = name.replace("-", "_")
    if keyword.iskeyword(module) or keyword.issoftkeyword(module) or re.search(rf"\b{_class_name(name)}\b", source):
        raise PluginError(f"{name!r} means something else in the plugin's code; choose another, such as my-{name}")
    taken = next((point for point in plugin_entry_points() if point.name == module), None)
    if taken is not None:
        distribution = taken.dist.name if taken.dist else "a distribution"
        raise PluginError(f"{distribution} has a plugin named {module!r}; choose another name")
    if find_spec(module) is not None:
        raise PluginError(f"there is another Python module {module!r} already; choose another name")
    return module


def _class_name(name: str) -> str:
    return "".join(part.capitalize() for part in re.split("[-_]", name))


def _template(name: str) -> str:
    return resources.files(__package__).joinpath("templates", f"{name}.txt").read_text(encoding="utf-8")
