"""The settings of a tuned record: whether the benchmark's search could have chosen them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from xdistill.bench.recipes import without_cohort
from xdistill.errors import UserError

if TYPE_CHECKING:
    from xdistill.bench.load import Benchmark
    from xdistill.recipe.schema.tuning import Search


def tuned_settings(benchmark: Benchmark, facts: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The settings that a record says were chosen, by fold; empty for a record without a search.

    Args:
        benchmark: of the record; its own search space counts, not that in the record.
        facts: of the record.

    Raises:
        UserError: if the search of the entry cannot lead to them.
    """
    tuned = facts.get("tuned")
    if tuned is None:
        return {}
    tune = without_cohort(benchmark, facts["entry"], facts["seed"]).recipe.tune
    space = tune.space if tune is not None else {}
    chosen: dict[str, dict[str, Any]] = {}
    for fold, search in tuned["folds"].items():
        settings = search.get("settings")
        if not isinstance(settings, dict):
            raise UserError(f"entry {facts['entry']!r}: it does not say which settings were chosen for {fold}")
        for field, value in settings.items():
            if field not in space or not could_choose(space[field], value):
                raise UserError(
                    f"entry {facts['entry']!r}: the benchmark's search cannot have chosen `{field}` = {value!r} "
                    f"for {fold}"
                )
        chosen[fold] = settings
    return chosen


def could_choose(search: Search, value: Any) -> bool:
    """Whether a value is one of a search's choices, or within its bounds."""
    if search.choices is not None:
        return any(type(choice) is type(value) and choice == value for choice in search.choices)
    if isinstance(value, bool) or not isinstance(value, int if search.int else int | float):
        return False
    low, high = search.low or 0.0, search.high or 0.0
    return low <= value <= high
