"""The recipe of an entry, and whether a run was made from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from xdistill.bench.load import Benchmark
from xdistill.errors import RecipeError
from xdistill.recipe.environment import is_path_field
from xdistill.recipe.layers import Chain, Layer
from xdistill.recipe.load import as_loaded, load_chain
from xdistill.recipe.loaded import LoadedRecipe
from xdistill.recipe.yaml.nodes import Entry as Field
from xdistill.recipe.yaml.nodes import MappingNode, ScalarNode, to_plain

if TYPE_CHECKING:
    from xdistill.plugin import Catalog

# Fields of a recipe that say where and how fast it is computed, or that do not affect the results.
_ELSEWHERE = frozenset({"data", "description", "inferred", "executor", "compute", "cache", "teacher_cache", "tune"})
_NO_TEST = (
    "a benchmark compares recipes on its own cohort and splits, without an external test cohort; leave `test` out, or "
    "set `test: null` for the entry"
)
_LOADER = frozenset({"workers", "memory_mb"})


def entry_recipe(benchmark: Benchmark, name: str, seed: int, *, flags: Mapping[str, Any] | None = None) -> LoadedRecipe:
    """The recipe of an entry, on the benchmark's cohort and splits, with the benchmark's number of trials.

    Args:
        benchmark: the benchmark.
        name: of an entry that has a recipe.
        seed: of the run.
        flags: last changes, such as the executor.

    Raises:
        RecipeError: all problems, each led by the entry's place in the benchmark file.
    """
    data = benchmark.root.entries["data"]
    loaded = _loaded(benchmark, name, seed, data, flags or {})
    trials = benchmark.file.trials
    return as_loaded(loaded, overrides={"tune.trials": trials}) if trials and loaded.recipe.tune else loaded


def without_cohort(benchmark: Benchmark, name: str, seed: int) -> LoadedRecipe:
    """The recipe of an entry without the settings of its cohort, which may name a folder of another machine.

    Raises:
        RecipeError: all problems.
    """
    data = benchmark.root.entries["data"]
    stand_in = MappingNode({"use": Field(data.key, ScalarNode(benchmark.file.data.use, data.key))}, data.key)
    return _loaded(benchmark, name, seed, Field(data.key, stand_in), {})


def departure(benchmark: Benchmark, name: str, resolved: Mapping[str, Any], catalog: Catalog | None = None) -> str:
    """The first field in which a run's resolved recipe differs from the entry's; empty when there is none.

    What the entry's recipe does not state is not compared, since it may be a default of another version. Neither is
    what decides only where and how fast things are computed, nor where files lie.

    Args:
        benchmark: the benchmark.
        name: of an entry that has a recipe.
        resolved: what the run recorded.
        catalog: with it the cohort's settings are compared with their defaults filled in.

    Raises:
        RecipeError: when the entry's recipe has problems.
    """
    seed = resolved.get("seed", benchmark.file.seeds[0])
    loaded = without_cohort(benchmark, name, seed)
    tree = loaded.tree()
    if seed not in benchmark.file.seeds:
        return "seed"
    if resolved.get("crossval") != benchmark.file.crossval.model_dump(mode="json"):
        return "crossval"
    trials = benchmark.file.trials if loaded.recipe.tune else None
    if (resolved.get("tune") or {}).get("trials") != trials:
        return "tune.trials" if trials else "tune"
    wanted = {field: value for field, value in tree.items() if field not in {*_ELSEWHERE, "crossval"}}
    wanted = _filled_in(wanted)
    wanted["loader"] = {field: value for field, value in wanted.get("loader", {}).items() if field not in _LOADER}
    data = _portable(resolved.get("data"))
    field = difference(_cohort(benchmark, catalog), data, "data")
    if field and catalog is None:  # perhaps a short form, such as a list of columns, that only the data set spells out
        from xdistill.plugin import load_catalog

        field = difference(_cohort(benchmark, load_catalog()), data, "data")
    return field or difference(wanted, resolved, "")


def _filled_in(wanted: dict[str, Any]) -> dict[str, Any]:
    """Without what a run fills in: the default loss of its task, and the task that is the default."""
    stages = [
        {**stage, "objective": [_without_auto(term) for term in stage["objective"]]} if "objective" in stage else stage
        for stage in wanted.get("stages", ())
    ]
    plain = wanted.get("task") == {"use": "classification"}
    return {**{name: value for name, value in wanted.items() if name != "task" or not plain}, "stages": stages}


def _without_auto(term: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in term.items() if name != "use" or value != "auto"}


def _loaded(benchmark: Benchmark, name: str, seed: int, data: Field, flags: Mapping[str, Any]) -> LoadedRecipe:
    entry, file = benchmark.entry(name), benchmark.file
    overrides = {
        **file.set,
        **entry.set,
        "crossval": file.crossval.model_dump(mode="json"),
        "seed": seed,
        **flags,
    }
    try:
        chain = _on_cohort(benchmark.chain(name), data)
        profile = entry.profile or file.profile
        loaded = load_chain(chain, profile, overrides)
        if loaded.recipe.crossval != file.crossval and "crossval" not in flags:  # fields that only the recipe sets
            chain = _on_cohort(benchmark.chain(name), data)
            loaded = load_chain(chain, profile, {**overrides, "crossval": file.crossval.complete()})
        return _without_test(loaded)
    except RecipeError as error:
        where = benchmark.place(name)
        problems = [benchmark.problem(where, f"the recipe of {name!r}: {problem}") for problem in error.problems]
        raise RecipeError(problems) from None


def _without_test(loaded: LoadedRecipe) -> LoadedRecipe:
    if loaded.recipe.test is not None:
        raise RecipeError([loaded.problem(("test",), _NO_TEST)])
    return loaded


def _on_cohort(chain: Chain, data: Field) -> Chain:
    """A chain of recipe files in which only the benchmark defines the cohort."""
    layers = [
        Layer(_without(layer.tree), {name: _without(profile) for name, profile in layer.profiles.items()}, layer.file)
        for layer in chain.layers
    ]
    base = layers[0]
    layers[0] = replace(base, tree=replace(base.tree, entries={**base.tree.entries, "data": data}))
    return Chain(layers, chain.problems)


def _without(tree: MappingNode) -> MappingNode:
    return replace(tree, entries={name: entry for name, entry in tree.entries.items() if name != "data"})


def _cohort(benchmark: Benchmark, catalog: Catalog | None) -> Any:
    written = to_plain(benchmark.root.entries["data"].value)
    if catalog is None:
        return _portable(written)
    from xdistill.interfaces.component import choose
    from xdistill.interfaces.dataset import Dataset

    return _portable(choose(Dataset, written, catalog).dump())


def _portable(value: Any) -> Any:
    """A block without what differs by machine: fields that hold paths, and texts with environment variables."""
    if isinstance(value, Mapping):
        return {
            name: _portable(item)
            for name, item in value.items()
            if not is_path_field(name) and not (isinstance(item, str) and "${" in item)
        }
    if isinstance(value, (list, tuple)):
        return [_portable(item) for item in value]
    return value


def difference(wanted: Any, found: Any, place: str = "", *, stated: bool = True) -> str:
    """The dotted place of the first value of ``wanted`` that ``found`` does not hold; empty when it holds all.

    Args:
        wanted: a recipe, or a part of one.
        found: what is compared with it.
        place: of both in the recipe.
        stated: whether ``wanted`` is what a user wrote. There, null takes a field away, and a default is in its
            place.
    """
    if wanted is None:
        return "" if stated or found is None else place
    if isinstance(wanted, Mapping):
        if not isinstance(found, Mapping):
            return place
        pairs = ((value, found.get(name), f"{place}.{name}".lstrip(".")) for name, value in wanted.items())
        return next(filter(None, (difference(*pair, stated=stated) for pair in pairs)), "")
    if isinstance(wanted, (list, tuple)):
        if not isinstance(found, (list, tuple)) or len(found) != len(wanted):
            return place
        items = enumerate(zip(wanted, found, strict=True))
        below = (difference(one, other, f"{place}.{index}", stated=stated) for index, (one, other) in items)
        return next(filter(None, below), "")
    if isinstance(wanted, str) and isinstance(found, Mapping):  # `fusion: cross_attention` for {use: cross_attention}
        found = found.get("use")
    return "" if wanted == found else place
