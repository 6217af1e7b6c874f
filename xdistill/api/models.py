"""Models: trained students that predict for new subjects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xdistill.api.events import last_of_each
from xdistill.errors import UserError
from xdistill.runs import RunFolder, read_record
from xdistill.runs.checksums import check_sum_of

if TYPE_CHECKING:
    from xdistill.crossval.events import Event
    from xdistill.models.model import StudentModel
    from xdistill.recipe.loaded import LoadedRecipe
    from xdistill.recipe.schema.recipe import Recipe


def fit(
    recipe: LoadedRecipe | Recipe | Mapping[str, Any] | str | Path,
    to: Path | str,
    *,
    ensemble: bool = False,
    crossval: bool = True,
    profile: str | None = None,
    overrides: Sequence[str] | Mapping[str, Any] = (),
    runs: Path | str = "runs",
    cache: Path | str | None = None,
    on_event: Callable[[Event], None] | None = None,
    plugins: Sequence[Path | str] = (),
) -> StudentModel:
    """Cross-validate a recipe, train its student on all subjects, calibrate it, and write a model folder.

    Args:
        recipe: as for `run`; also the folder of a run, whose recipe is taken.
        to: the model folder; one that holds a model is replaced.
        ensemble: the networks of all folds as one model, in place of one that is trained on all subjects.
        crossval: False: only train on all subjects; the model is then not calibrated, and its scores are unknown.
        profile: as for `run`.
        overrides: as for `run`.
        runs: as for `run`; a finished run of the recipe is not repeated.
        cache: as for `run`.
        on_event: as for `run`.
        plugins: as for `run`.

    Returns:
        The model, as `load_model` reads it.

    Raises:
        XdistillError: nothing is written to ``to``; rerun to resume.
    """
    from xdistill.deployment.fit import ModelWritten
    from xdistill.deployment.fit import fit as _fit
    from xdistill.experiment.assemble import read_recipe
    from xdistill.plugin import load_catalog
    from xdistill.plugin.importing import selected

    with selected(files=plugins):
        loaded = read_recipe(_recipe_of(recipe), profile=profile, overrides=overrides, catalog=load_catalog)
        events = _fit(
            loaded,
            load_catalog(),
            to=Path(to),
            runs=Path(runs),
            cache=None if cache is None else Path(cache),
            ensemble=ensemble,
            crossval=crossval,
        )
        found = last_of_each(events, on_event)
    return load_model(found[ModelWritten].path, plugins=plugins)


def _recipe_of(recipe: Any) -> Any:
    """The recipe; that of a run if its folder is given."""
    if not isinstance(recipe, (str, Path)) or not (Path(recipe) / "record.json").is_file():
        return recipe
    folder = RunFolder(Path(recipe))
    if folder.checksums.is_file():
        check_sum_of(folder.path, folder.record.name)
    plain = read_record(folder.record)["recipe"]
    if plain.get("tune"):
        raise UserError(f"{recipe}: each fold of a tuned run has its own settings; fit the study's `tuned.yaml`")
    return plain


def load_model(
    path: Path | str,
    *,
    member: str | None = None,
    plugins: Sequence[Path | str] = (),
    cache: Path | str | None = None,
) -> StudentModel:
    """A trained student, ready to predict; see `xdistill.models.load_model`.

    Args:
        path: a model folder, or the folder of a finished run, whose folds are then an ensemble.
        member: one network alone, such as ``r0-f0``, uncalibrated. None: all of them.
        plugins: as for `run`.
        cache: folder of the cohort files, for a run; see `xdistill.models.load_model`.

    Raises:
        ModelError: for a folder that holds no model, one of another format version, a changed file, or a missing
            plugin.
    """
    from xdistill.models import load_model

    return load_model(path, member=member, plugins=plugins, cache=cache)
