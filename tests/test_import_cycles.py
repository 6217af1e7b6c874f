"""No file imports itself by way of others, and no folder is too full to be read."""

import tomllib
from collections import Counter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
MAX_FILES = 16
"""Source files of one folder, besides its ``__init__.py``."""


@pytest.fixture(scope="module")
def graph():
    """Imports between all files, those for type checkers and those inside functions included."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return grimp.build_graph(*settings["tool"]["importlinter"]["root_packages"], cache_dir=None)


def cycles(graph):
    """Groups of several files that all reach each other by imports: strongly connected components."""
    groups = set()
    for module in graph.modules:
        group = graph.find_upstream_modules(module) & graph.find_downstream_modules(module)
        if group - {module}:
            groups.add(frozenset(group | {module}))
    return sorted(" - ".join(sorted(group)) for group in groups)


def graph_of(*imports):
    graph = grimp.ImportGraph()
    for importer, imported in imports:
        graph.add_import(importer=importer, imported=imported)
    return graph


def test_groups_of_files_that_reach_each_other_are_found():
    circle = [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a"), ("e", "f"), ("f", "e")]
    assert cycles(graph_of(*circle)) == ["a - b - c", "e - f"]


def test_a_package_that_imports_its_own_file_is_no_cycle_unless_the_file_imports_it_back():
    inwards = ("package", "package.file")
    assert cycles(graph_of(inwards)) == []
    assert cycles(graph_of(inwards, ("package.file", "package"))) == ["package - package.file"]


def test_no_import_cycles(graph):
    assert cycles(graph) == []


def test_no_folder_is_too_full():
    files = [*(ROOT / "xdistill").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    count = Counter(str(file.parent.relative_to(ROOT)) for file in files if file.name != "__init__.py")
    assert {folder: files for folder, files in count.items() if files > MAX_FILES} == {}
