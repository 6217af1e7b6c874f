"""Whether distillation can help a recipe, from Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xdistill.api.events import last_of_each

if TYPE_CHECKING:
    from xdistill.crossval.events import Event
    from xdistill.diagnosis import Diagnosis
    from xdistill.recipe.loaded import LoadedRecipe
    from xdistill.recipe.schema.recipe import Recipe


def diagnose(
    recipe: LoadedRecipe | Recipe | Mapping[str, Any] | str | Path,
    *,
    quick: bool = False,
    profile: str | None = None,
    overrides: Sequence[str] | Mapping[str, Any] = (),
    runs: Path | str = "runs",
    cache: Path | str | None = None,
    on_event: Callable[[Event], None] | None = None,
    plugins: Sequence[Path | str] = (),
) -> Diagnosis:
    """Say whether distillation can help a recipe; an interrupted diagnosis is resumed.

    Args:
        recipe: as for `run`; it needs a teacher.
        quick: a quarter of the epochs and fewer folds: a rough guess.
        profile: as for `run`.
        overrides: as for `run`.
        runs: as for `run`.
        cache: as for `run`.
        on_event: as for `run`.
        plugins: as for `run`.

    Raises:
        XdistillError: as `run`; also for a recipe without a teacher.
    """
    from xdistill.diagnosis import Diagnosed
    from xdistill.diagnosis import diagnose as _diagnose
    from xdistill.experiment.assemble import read_recipe
    from xdistill.plugin import load_catalog
    from xdistill.plugin.importing import selected

    with selected(files=plugins):
        loaded = read_recipe(recipe, profile=profile, overrides=overrides, catalog=load_catalog)
        events = _diagnose(
            loaded, load_catalog(), runs=Path(runs), cache=None if cache is None else Path(cache), quick=quick
        )
        ended: Diagnosed = last_of_each(events, on_event)[Diagnosed]
    return ended.diagnosis
