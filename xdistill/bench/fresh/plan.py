"""What is trained: every entry on every cohort."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from xdistill.bench.fresh.schema import FreshTest
from xdistill.bench.load import Benchmark
from xdistill.bench.recipes import entry_recipe
from xdistill.errors import RecipeError, UserError
from xdistill.experiment.assemble import assemble
from xdistill.experiment.identity import run_id, sources, versions
from xdistill.recipe.schema.crossval import Crossval

if TYPE_CHECKING:
    from xdistill.experiment.plans import Experiment
    from xdistill.plugin import Catalog
    from xdistill.recipe.loaded import LoadedRecipe


@dataclass(frozen=True)
class Unit:
    """One cohort.

    Attributes:
        value: of the setting that varies, as text; empty when none does.
        train: number of training subjects.
        number: among the cohorts of this value and number of training subjects, from 0; also the seed of the runs.
        setting: the varied setting with its value; empty when none varies.
    """

    value: str
    train: int
    number: int
    setting: Mapping[str, Any]

    @property
    def cell(self) -> str:
        """The folder of all cohorts with this value and number of training subjects."""
        return f"{self.value}-n{self.train}" if self.value else f"n{self.train}"

    @property
    def name(self) -> str:
        """Unique among the cohorts of the benchmark."""
        return f"{self.cell}-c{self.number:03d}"


def units(fresh: FreshTest) -> list[Unit]:
    """All cohorts: the first of each value and number of training subjects, then the second of each, and so on.

    In this order a benchmark that was stopped has results everywhere.
    """
    settings = [{name: value} for name, values in fresh.vary.items() for value in values] or [{}]
    found = [
        Unit("".join(map(_text, setting.values())), train, number, setting)
        for setting in settings
        for train, cohorts in fresh.numbers
        for number in range(cohorts)
    ]
    return sorted(found, key=lambda unit: unit.number)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


class FreshPlan:
    """The recipes of a benchmark on generated cohorts.

    Args:
        benchmark: with a `fresh_test`.
        catalog: what recipes may name.
        flags: last changes of every recipe, such as the executor.

    Raises:
        RecipeError: when the recipe of an entry cannot be used.
        UserError: when the subjects of the data set cannot be generated.
    """

    def __init__(self, benchmark: Benchmark, catalog: Catalog, flags: Mapping[str, Any] | None = None) -> None:
        assert benchmark.file.fresh_test is not None  # noqa: S101 - the caller checks
        self.benchmark = benchmark
        self.catalog = catalog
        self.flags = dict(flags or {})
        self.fresh = benchmark.file.fresh_test
        self.units = units(self.fresh)
        self._known: dict[str, dict[str, Any]] = {}
        if self.fresh.truth is not None:
            self._check_truth(self.fresh.truth)

    @cached_property
    def cells(self) -> dict[str, list[Unit]]:
        """The cohorts of each value and number of training subjects, in order."""
        found: dict[str, list[Unit]] = {}
        for unit in self.units:
            found.setdefault(unit.cell, []).append(unit)
        return found

    @cached_property
    def named(self) -> dict[str, Unit]:
        """The cohorts by name, in order."""
        return {unit.name: unit for unit in self.units}

    @cached_property
    def experiments(self) -> dict[str, Experiment]:
        """What each entry's recipe assembles to, on the first cohort."""
        found = {entry: assemble(self.recipe(entry, self.units[0]), self.catalog) for entry in self.benchmark.recipes}
        for name, experiment in found.items():
            role = self.benchmark.entries[name].role
            if role not in experiment.networks:
                message = f"the recipe of {name!r} has no {role} to score"
                raise RecipeError([self.benchmark.problem(self.benchmark.place(name, "role"), message)])
        return found

    def recipe(self, entry: str, unit: Unit) -> LoadedRecipe:
        """The recipe of an entry on one cohort."""
        official = Crossval(official=True).model_dump(mode="json")
        changes = {"data": self.data(unit), "crossval": official, **self.flags}
        return entry_recipe(self.benchmark, entry, unit.number, flags=changes)

    def data(self, unit: Unit) -> dict[str, Any]:
        """The data set of one cohort, as a recipe writes it."""
        if unit.name not in self._known:
            self._known[unit.name] = self._generated(unit)
        return self._known[unit.name]

    def _generated(self, unit: Unit) -> dict[str, Any]:
        from pydantic import ValidationError

        from xdistill.interfaces.component import choose
        from xdistill.interfaces.dataset import Dataset

        block = {**self.benchmark.file.data.raw(), **unit.setting}
        try:
            choice = choose(Dataset, block, self.catalog)
        except ValidationError as error:
            found = error.errors()[0]
            name = ".".join(map(str, found["loc"]))
            message = f"the data set `{block['use']}` rejects these settings: {name}: {found['msg']}"
            raise RecipeError([self.benchmark.problem(("data",), message)]) from None
        settings = choice.component.generated(
            choice.settings, train=unit.train, test=self.fresh.subjects, seed=cohort_seed(self.fresh, unit)
        )
        if settings is None:
            raise UserError(
                f"{self.benchmark.path}: the subjects of the data set `{choice.use}` are not generated, so there are "
                f"no fresh ones to test on; remove `fresh_test` and use `crossval`"
            )
        return {"use": choice.use, **settings.model_dump(mode="json")}

    def _check_truth(self, truth: str) -> None:
        from xdistill.interfaces.component import choose
        from xdistill.interfaces.dataset import Dataset

        schema = choose(Dataset, self.data(self.units[0]), self.catalog).build().schema()
        shape = (schema.task.outputs,)
        fitting = [name for name, spec in schema.modalities.items() if spec.shape == shape]
        if truth not in fitting:
            have = f"; {', '.join(map(repr, fitting))} can be" if fitting else ""
            message = f"{truth!r} is not a modality with one logit for each class{have}"
            raise RecipeError([self.benchmark.problem(("fresh_test", "truth"), message)])

    def key(self, entry: str, unit: Unit, *, with_code: bool = True) -> str:
        """Twelve hexadecimal digits that change with the recipe and the cohort's settings.

        Args:
            entry: its name.
            unit: the cohort.
            with_code: whether they also change with the versions and the source files of what computes.
        """
        experiment = self.experiments[entry]
        resolved = {**experiment.resolved(), "seed": unit.number}
        used = experiment.components
        scored = {} if self.fresh.truth is None else {"scored by": self.fresh.truth}
        return run_id(
            resolved,
            fingerprint=json.dumps(self.data(unit) | scored, sort_keys=True),
            split_hash="official",
            versions=versions(used, self.catalog) if with_code else {},
            sources=self._sources(entry) if with_code else {},
        )

    def _sources(self, entry: str) -> dict[str, str]:
        if entry not in self._digests:
            self._digests[entry] = sources(self.experiments[entry].components)
        return self._digests[entry]

    @cached_property
    def _digests(self) -> dict[str, dict[str, str]]:
        return {}


def cohort_seed(fresh: FreshTest, unit: Unit) -> int:
    """The seed of a cohort: different for all cohorts of a benchmark, and the same for all methods."""
    digest = sha256(f"xdistill/fresh/{fresh.seed}/{unit.name}".encode()).digest()
    return int.from_bytes(digest[:4]) // 2
