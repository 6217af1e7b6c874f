"""The recipes of the methods run from data to predictions; what is turned off leaves plain distillation."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tiny import trained
from xdistill.recipe.load import load_recipe

SMALL = ["data.train=24", "data.test=12", "executor.jobs=1"]


@pytest.fixture
def run(tmp_path, shared_cache):
    def of(recipe, *changes):
        epochs = [f"stages.{index}.epochs=3" for index in range(len(load_recipe(recipe).recipe.stages))]
        return trained(load_recipe(recipe, overrides=[*SMALL, *epochs, *changes]), runs=tmp_path, cache=shared_cache)

    return of


def probabilities(run):
    return run.predictions.pooled("student").probabilities


@pytest.mark.parametrize("name", ["prototypes", "c2kd", "pcgrad", "ogm_ge"])
def test_it_runs(name, run):
    predictions = probabilities(run(f"crossmodal/{name}"))
    assert predictions.shape == (12, 4)
    assert predictions.std(axis=0).min() > 1e-6


def test_conflict_averse_gradients_without_a_radius_are_plain_distillation(run):
    plain, own, off = (
        probabilities(run(*what))
        for what in (["crossmodal/kd"], ["crossmodal/cagrad"], ["crossmodal/cagrad", "callbacks.cagrad.c=0"])
    )
    np.testing.assert_allclose(off, plain, atol=1e-5)
    assert np.abs(own - plain).max() > 1e-4


def test_the_trained_teacher_keeps_the_columns_that_were_chosen(run):
    finished = run("crossmodal/focus", "callbacks.modality_focus.keep=0.2")
    counts = {(row.stage, row.epoch): row.values["columns"] for row in finished.history if "columns" in row.values}
    assert counts == {("together", 3): 5}
    (file,) = finished.path.rglob("*teacher*.safetensors")
    mask = load_file(file)["mask"]
    assert float(mask.sum()) == 5
    assert torch.equal(mask, mask.bool().float())
