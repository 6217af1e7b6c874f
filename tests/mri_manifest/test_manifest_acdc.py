"""The recipe over real cardiac MR, where the data are at hand."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from xdistill.recipe.load import load_recipe
from xdistill_mri.manifest import ManifestDataset

RECIPE = Path(__file__).parents[2] / "recipes" / "acdc.yaml"
INDICES = 20


def dataset_of(recipe):
    return ManifestDataset(ManifestDataset.Config.model_validate(recipe.data.settings()))


def test_the_recipe_reads_its_place_from_the_environment_or_the_command_line(monkeypatch, tmp_path):
    monkeypatch.setenv("XDISTILL_DATA", str(tmp_path))
    recipe = load_recipe(RECIPE).recipe
    assert dataset_of(recipe).path == tmp_path / "acdc" / "manifest.csv"
    assert recipe.privileged == ("clinical",)
    monkeypatch.delenv("XDISTILL_DATA")
    elsewhere = load_recipe(RECIPE, overrides=["data.path=/somewhere/else.csv"]).recipe
    assert dataset_of(elsewhere).path == Path("/somewhere/else.csv")


@pytest.fixture(scope="module")
def dataset():
    root = os.environ.get("XDISTILL_DATA")
    if not root:
        pytest.skip("XDISTILL_DATA is not set")
    if not (Path(root) / "acdc" / "manifest.csv").is_file():
        pytest.skip(f"there is no acdc/manifest.csv in {root}")
    return dataset_of(load_recipe(RECIPE).recipe)


def test_the_cohort_has_100_subjects_in_five_classes_of_20(dataset):
    classes = dataset.schema().classes
    assert classes == ("NOR", "DCM", "HCM", "MINF", "RV")
    counts = Counter(classes[row.target] for row in dataset.index())
    assert counts == dict.fromkeys(classes, 20)
    assert len({row.patient for row in dataset.index()}) == 100
    assert len(dataset.sources()) == 201
    assert not dataset.facts().synthetic
    assert "CC BY-NC-SA 4.0" in dataset.facts().source


def test_modalities_are_two_volumes_and_20_numbers(dataset):
    modalities = dataset.schema().modalities
    assert {name: spec.shape for name, spec in modalities.items()} == {
        "ed": (1, 12, 48, 48),
        "es": (1, 12, 48, 48),
        "clinical": (INDICES,),
    }
    assert {column.kind for column in modalities["clinical"].columns} == {"numeric"}
    assert modalities["clinical"].columns[0].name == "ED[vol(LV)]"


def test_subjects_are_read(dataset):
    rows = [0, 50, 99]
    for row, values in zip(rows, dataset.load_many(rows), strict=True):
        for name in ("ed", "es"):
            np.testing.assert_allclose([values[name].mean(), values[name].std()], [0, 1], atol=1e-4)
        assert np.isfinite(values["clinical"]).all(), row
    assert dataset.load(0)["clinical"][0] == 295507.8125
