"""The recipes of baselines and ablations: what they say, and that they run from cohort to predictions."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

import xdistill
from tiny import trained
from xdistill.experiment.assemble import assemble
from xdistill.plugin import load_catalog
from xdistill.recipe.load import load_recipe

FOLDER = Path(__file__).parents[2] / "recipes"
BASELINES = ("concat", "cnn3d", "lstm", "m2net", "concat_2s", "kd", "sp")
ABLATIONS = ("s_pre", "s_hbp", "s_pre_hbp", "wo_hbp", "wo_pre", "wo_ca", "cmdnet_wo_feature")
EVERY = [*(f"baselines/{name}" for name in BASELINES), *(f"ablations/{name}" for name in ABLATIONS)]
ALWAYS_RUN = {"baselines/m2net", "baselines/concat_2s", "baselines/sp"}

NARROW = 0.03125


@pytest.fixture(scope="module")
def assembled():
    """Assembles a recipe with a profile, each once."""
    everything = load_catalog()
    return cache(lambda name, profile=None: assemble(load_recipe(name, profile=profile), everything))


def objective(stage):
    """Each term of a stage with its weight."""
    return {term.label: term.weight for term in stage.terms}


def narrow(block):
    """The block with the width of every trunk in it, at whatever depth, replaced."""
    if isinstance(block, dict):
        return {
            key: NARROW if (key, type(value)) == ("width", float) else narrow(value) for key, value in block.items()
        }
    return block


def widths(block):
    """The widths of all trunks in a block."""
    if not isinstance(block, dict):
        return set()
    own = {block["width"]} if isinstance(block.get("width"), float) else set()
    return own.union(*map(widths, block.values()))


def test_every_method_of_the_tables_has_a_recipe():
    found = {path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.glob("*/*.yaml")}
    assert set(EVERY) <= found


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("profile", [None, "paper"])
def test_cohort_splits_and_budget_are_those_of_the_flagship(name, profile, assembled):
    flagship = assembled("mvi_hcc", profile)
    experiment = assembled(name, profile)
    recipe, other = experiment.resolved(), flagship.resolved()
    for part in ("data", "augment", "crossval", "optimizer", "seed", "compute", "cache"):
        assert recipe[part] == other[part], part
    assert recipe["name"] == f"mvi_hcc/{Path(name).name}"
    assert recipe["loader"] == {**other["loader"], "drop_last": name == "baselines/sp"}
    epochs = {stage.epochs for stage in (*experiment.stages, *flagship.stages)}
    assert epochs == {150 if profile else 20}
    assert widths(recipe) == {1.0 if profile else 0.125}
    assert bool(experiment.recipe.inferred) == bool(profile)


def test_only_distillation_sees_clinical_data_and_only_while_training(assembled):
    for name in EVERY:
        experiment = assembled(name)
        distils = "teacher" in experiment.networks
        assert distils == (name.split("/")[1] in {"kd", "sp", "wo_hbp", "wo_pre", "wo_ca", "cmdnet_wo_feature"})
        assert "clinical" not in experiment.facts["student"].inputs
        assert ("clinical" in experiment.modalities) == distils


@pytest.mark.parametrize("profile", [None, "paper"])
def test_what_makes_each_method(profile, assembled):
    made = {Path(name).name: assembled(name, profile) for name in EVERY}
    inputs = {name: set(experiment.facts["student"].inputs) for name, experiment in made.items()}
    assert {name for name, seen in inputs.items() if seen == {"hbp"}} == {"s_hbp", "wo_pre"}
    assert {name for name, seen in inputs.items() if seen == {"pre"}} == {"s_pre", "wo_hbp"}
    attentive = {name for name, experiment in made.items() if experiment.resolved()["student"].get("fusion")}
    assert attentive == {"kd", "sp", "cmdnet_wo_feature"}

    kd, sp = made["kd"].stages, made["sp"].stages
    assert [stage.train for stage in kd] == [stage.train for stage in sp] == [("teacher",), ("student",)]
    assert objective(kd[1]) == {"focal:student": 0.1, "class_kl": 0.9}
    assert kd[1].terms[1].choice.dump()["temperature"] == 4
    assert objective(sp[1]) == {"focal:student": 1.0, "sp": 3000.0}
    assert set(objective(made["cmdnet_wo_feature"].stages[0])) == {"focal:teacher", "focal:student", "class_kl"}
    assert set(objective(made["m2net"].stages[0])) == {
        "cross_entropy:hbp",
        "cross_entropy:pre",
        "cross_entropy:shared",
        "cross_entropy",
    }
    assert set(objective(made["m2net"].stages[0]).values()) == {1.0}
    assert made["lstm"].resolved()["student"]["sequence"] == ["pre", "hbp"]


@pytest.mark.parametrize(
    "name", [name if name in ALWAYS_RUN else pytest.param(name, marks=pytest.mark.slow) for name in EVERY]
)
def test_it_runs(name, assembled, tmp_path, shared_cache):
    resolved = assembled(name).resolved()
    resolved["data"] |= {"subjects": 30, "shape": [8, 16, 16]}
    resolved["crossval"] |= {"folds": 2}
    resolved["executor"] |= {"jobs": 1}
    for stage in resolved["stages"]:
        stage["epochs"] = 1
    roles = {role: narrow(resolved[role]) for role in ("teacher", "student") if resolved[role]}
    run = xdistill.run if name == "baselines/sp" else trained  # the report of one is drawn as that of any other
    result = run({**resolved, **roles}, runs=tmp_path, cache=shared_cache)
    assert set(result.summary) == set(roles)
    for role in roles:
        pooled = result.predictions.pooled(role)
        assert len(pooled.subjects) == 30
        assert pooled.probabilities.sum(axis=1) == pytest.approx(1)
        assert pooled.probabilities.std(axis=0).max() > 1e-6
    stages = {row.stage for row in result.history}
    assert stages == {stage["name"] for stage in resolved["stages"]}
