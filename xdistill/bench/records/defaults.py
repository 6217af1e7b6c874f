"""Whether a run was made from the whole recipe of its entry, with the defaults that the recipe leaves open."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from xdistill.bench.recipes import difference, entry_recipe
from xdistill.errors import UserError
from xdistill.experiment.assemble import assemble
from xdistill.experiment.identity import versions

if TYPE_CHECKING:
    from xdistill.bench.load import Benchmark
    from xdistill.plugin import Catalog

# All that decides predictions but the cohort and the splits, whose fingerprint and hash are compared. A search changes
# some of it, and its settings are compared with its space.
_DECISIVE: Final = frozenset(
    {"task", "transforms", "augment", "teacher", "student", "privileged", "missing", "stages", "optimizer"}
)
_MACHINE: Final = frozenset({"python", "torch"})


def changed_default(
    benchmark: Benchmark, entry: str, resolved: Mapping[str, Any], made_by: Mapping[str, str], catalog: Catalog
) -> str:
    """The first field, of those that the entry's recipe leaves open, that is not the default; empty if none is.

    Defaults may differ between versions. So nothing is compared if the run was made by other versions than these, or
    if the entry's recipe cannot be assembled here.

    Args:
        benchmark: of the entry.
        entry: its name.
        resolved: recipe of the run, as its record has it.
        made_by: versions in the record.
        catalog: what the recipe may name.
    """
    if resolved.get("tune"):
        return ""
    try:
        experiment = assemble(entry_recipe(benchmark, entry, resolved.get("seed", 0)), catalog)
    except UserError:
        return ""
    here = versions(experiment.components, catalog)
    if any(made_by.get(name) != version for name, version in here.items() if name not in _MACHINE):
        return ""
    wanted = json.loads(json.dumps(experiment.resolved()))
    return difference({name: value for name, value in wanted.items() if name in _DECISIVE}, resolved, stated=False)
