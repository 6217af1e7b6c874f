"""From a benchmark file to a checked `Benchmark`: all problems at once, each with its place in the file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from xdistill.bench.names import misnamed
from xdistill.bench.schema import FORMAT, BenchmarkFile, Entry
from xdistill.errors import Problem, RecipeError
from xdistill.recipe.bundled import bundled_names, find_bundled, has_ending
from xdistill.recipe.files import UnreadableError, names_in_folder_of, read_text, shown
from xdistill.recipe.layers import Chain, read_chain
from xdistill.recipe.problems import problem_at, problems_of
from xdistill.recipe.schema.crossval import Crossval
from xdistill.recipe.yaml.nodes import MappingNode, ScalarNode, TreePath, to_plain
from xdistill.recipe.yaml.reader import read_yaml
from xdistill.suggest import did_you_mean
from xdistill.untrusted import kind_of


@dataclass(frozen=True)
class Benchmark:
    """A checked benchmark.

    Attributes:
        file: what the file says.
        path: of the file.
        root: every value with its origin.
        recipes: the recipe file of every entry that has one, by entry.
        changes: options that made it another benchmark than the file's, such as ``--folds 2``; empty for the file's.
    """

    file: BenchmarkFile
    path: Path
    root: MappingNode = field(repr=False)
    recipes: dict[str, Path] = field(repr=False)
    changes: str = ""
    _chains: dict[Path, Chain] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The benchmark's name."""
        return self.file.name

    @cached_property
    def entries(self) -> dict[str, Entry]:
        """The entries by name, in the order of the file."""
        return {entry.name: entry for entry in self.file.entries}

    @property
    def records(self) -> Path:
        """The folder of the records that belong to this file."""
        return self.path.parent / "records" / self.name

    def place(self, entry: str, *rest: str) -> TreePath:
        """The place of an entry in the file."""
        return ("entries", list(self.entries).index(entry), *rest)

    def problem(self, place: TreePath, message: str) -> Problem:
        """A problem at a place of the file."""
        return problem_at(self.root, place, message)

    def entry(self, name: str) -> Entry:
        """The entry of a name.

        Raises:
            RecipeError: when there is none.
        """
        if name not in self.entries:
            message = f"the benchmark {self.name!r} has no entry {name!r}{did_you_mean(name, self.entries)}"
            raise RecipeError([self.problem(("entries",), message)])
        return self.entries[name]

    def chain(self, entry: str) -> Chain:
        """The recipe of an entry with all that it extends; each file is read once for all entries and seeds.

        Raises:
            RecipeError: when one of the files cannot be read or understood.
        """
        path = self.recipes[entry]
        if path not in self._chains:
            self._chains[path] = read_chain(path)
        found = self._chains[path]
        return Chain(list(found.layers), list(found.problems))  # its lists may be changed

    def with_splits(
        self, *, folds: int | None = None, repeats: int | None = None, trials: int | None = None
    ) -> Benchmark:
        """The same benchmark with other splits, or tuned, for a try; its runs are not records of this benchmark."""
        old = self.file.crossval
        before = {"folds": old.folds, "repeats": old.repeats, "trials": self.file.trials}
        wanted = {"folds": folds or old.folds, "repeats": repeats or old.repeats, "trials": trials or self.file.trials}
        crossval = Crossval(**{**old.model_dump(), "folds": wanted["folds"], "repeats": wanted["repeats"]})
        return replace(
            self,
            file=self.file.model_copy(update={"crossval": crossval, "trials": wanted["trials"]}),
            changes=" ".join(f"--{name} {value}" for name, value in wanted.items() if value != before[name]),
        )


def load_benchmark(path: Path | str) -> Benchmark:
    """Read and check a benchmark file; its recipes are found, and not yet read.

    Raises:
        RecipeError: with all problems at once.
    """
    path = Path(path)
    root, problems = _read(path)
    try:
        # Through JSON, where a list is what YAML calls a list; strictly, so that the text "3" is not a number.
        file = BenchmarkFile.model_validate_json(json.dumps(to_plain(root)), strict=True)
    except ValidationError as error:
        found = problems_of(error, root, model=BenchmarkFile)
        raise RecipeError([*problems, *found], root=root) from None
    problems += [problem_at(root, wrong.place, wrong.message) for wrong in misnamed(file)]
    recipes: dict[str, Path] = {}
    for index, entry in enumerate(file.entries):
        if entry.recipe:
            found_file, message = _find_recipe(path.parent, entry.recipe)
            if found_file is None:
                problems.append(problem_at(root, ("entries", index, "recipe"), message))
            else:
                recipes[entry.name] = found_file
    if problems:
        raise RecipeError(sorted(problems, key=lambda problem: (problem.line, problem.column)), root=root)
    return Benchmark(file, path, root, recipes)


def is_benchmark(path: Path) -> bool:
    """Whether a YAML file calls itself a benchmark, rather than being a recipe, say.

    Raises:
        RecipeError: when it cannot be read as YAML.
    """
    named = _read(path)[0].get("format")
    return isinstance(named, ScalarNode) and named.value == FORMAT


def _read(path: Path) -> tuple[MappingNode, list[Problem]]:
    source = shown(path)
    if not path.is_file():
        near = did_you_mean(path.name, names_in_folder_of(path))
        kind = kind_of(path)
        message = f"this is {kind}; name a benchmark file" if kind else f"there is no such file{near}"
        raise RecipeError([Problem(message, "", source)])
    try:
        text = read_text(path, source)
    except UnreadableError as error:
        raise RecipeError([error.problem]) from None
    reading = read_yaml(text, source, path.resolve().parent)
    if not reading.understood:
        raise RecipeError(reading.problems)
    if not isinstance(reading.root, MappingNode):
        message = "a benchmark is a mapping of fields: name, data, reference, entries"
        raise RecipeError([*reading.problems, Problem(message, "", source)])
    if not set(BenchmarkFile.model_fields) & set(reading.root.entries):  # such as a file of passwords: not quoted
        message = "not a benchmark: none of its fields is one of a benchmark"
        raise RecipeError([*reading.problems, Problem(message, "", source)])
    return reading.root, list(reading.problems)


def _find_recipe(folder: Path, name: str) -> tuple[Path | None, str]:
    """The file of a recipe, or what is wrong."""
    path = folder / name
    if path.is_file():
        return path, ""
    bundled = find_bundled(name)
    if bundled is not None:
        return bundled, ""
    if kind := kind_of(path):
        return None, f"{name!r} is {kind}, not a recipe file"
    if has_ending(name):
        return (
            None,
            f"no recipe file {name!r} next to this benchmark{did_you_mean(path.name, names_in_folder_of(path))}",
        )
    return None, f"there is no bundled recipe {name!r}{did_you_mean(name, bundled_names())}"
