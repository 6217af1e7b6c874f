"""Every search that ships: each of its choices makes a recipe that fits together."""

from pathlib import Path

import pytest

from xdistill.errors import RecipeError
from xdistill.experiment.assemble import assemble
from xdistill.recipe.load import load_recipe
from xdistill.tuning.check import check_search
from xdistill.tuning.search.sampling import quiet
from xdistill.tuning.search.variants import without_search

RECIPES = Path(__file__).parents[2] / "recipes"


def is_search(path: Path) -> bool:
    try:
        return load_recipe(path).recipe.tune is not None
    except RecipeError:
        return False  # its real data are not at hand


SEARCHES = [path.relative_to(RECIPES).as_posix() for path in sorted(RECIPES.rglob("*.yaml")) if is_search(path)]


def test_the_flagship_and_its_baselines_can_be_tuned():
    assert {"mvi_hcc.yaml", "digits/searched.yaml", "baselines/kd.yaml", "ablations/s_pre_hbp.yaml"} <= set(SEARCHES)
    assert "baselines/clinical_lr.yaml" not in SEARCHES


@pytest.mark.parametrize("name", SEARCHES)
def test_its_space_makes_recipes(name, catalog):
    loaded = load_recipe(RECIPES / name)
    with quiet():
        check_search(loaded, assemble(without_search(loaded), catalog), catalog)
