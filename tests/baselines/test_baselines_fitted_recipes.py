"""The recipes with fitted parts: what they say, and a fold of each from cohort to predictions."""

from __future__ import annotations

import numpy as np
import pytest

from crossval.fitting import fold_run
from xdistill.experiment.assemble import assemble
from xdistill.plugin import load_catalog
from xdistill.recipe.load import load_recipe

FITTED = ("majority", "clinical_lr", "concat_svm")
PROFILES = (None, "paper")


@pytest.fixture(scope="module")
def everything():
    return load_catalog()


@pytest.fixture(scope="module")
def resolved(everything):
    def of(name, profile=None):
        return assemble(load_recipe(name, profile=profile), everything).resolved()

    return of


@pytest.mark.parametrize("profile", PROFILES)
def test_cohort_and_splits_are_those_of_the_flagship(profile, resolved):
    flagship = resolved("mvi_hcc", profile)
    for name in FITTED:
        recipe = resolved(f"baselines/{name}", profile)
        for part in ("data", "crossval", "seed", "compute", "cache"):
            assert recipe[part] == flagship[part], (name, part)
        assert recipe["name"] == f"mvi_hcc/{name}"
        assert (recipe["teacher"], recipe["privileged"]) == (None, None)
        assert bool(recipe["inferred"]) == bool(profile)


@pytest.mark.parametrize("profile", PROFILES)
def test_clinical_items_are_read_as_the_flagships_teacher_reads_them(profile, resolved):
    recipe = resolved("baselines/clinical_lr", profile)
    assert recipe["transforms"] == resolved("mvi_hcc", profile)["transforms"]
    assert recipe["student"]["inputs"] == ["clinical"]
    assert recipe["stages"] == [{"name": "fit", "fit": ["student.estimator"]}]
    assert resolved("baselines/majority", profile)["student"]["inputs"] == []


@pytest.mark.parametrize("profile", PROFILES)
def test_the_machine_answers_on_vectors_learned_as_those_of_concat(profile, resolved):
    machine, layers = (resolved(f"baselines/{name}", profile) for name in ("concat_svm", "concat"))
    assert {**machine["student"], "estimator": None} == layers["student"]
    assert machine["student"]["estimator"]["use"] == "linear_svm"
    learn, fit = machine["stages"]
    assert fit == {"name": "svm", "fit": ["student.head"]}
    (alone,) = layers["stages"]
    assert learn["objective"] == [{**alone["objective"][0], "output": "fc"}]
    for part in ("epochs", "optimizer", "batch_size"):
        assert learn[part] == alone[part]
    assert machine["augment"] == layers["augment"]


@pytest.mark.parametrize("name", FITTED)
def test_a_fold_of_it_runs(name, resolved, everything, tmp_path, shared_cache):
    recipe = resolved(f"baselines/{name}")
    recipe["data"] |= {"subjects": 30, "shape": [8, 16, 16]}
    recipe["crossval"] |= {"folds": 3}
    if name == "concat_svm":
        recipe["stages"][0]["epochs"] = 1
        recipe["student"]["estimator"]["calibration_folds"] = 2
        for branch in recipe["student"]["branches"].values():
            branch["width"] = 0.03125
    fold = fold_run(recipe, tmp_path / name, shared_cache, everything)
    list(fold.events())
    everybody = np.arange(30, dtype=np.int64)
    scored = fold.context.predict("student", everybody)
    assert scored.sum(axis=1) == pytest.approx(1)
    targets = np.asarray(fold.context.source.cohort.targets)
    if name == "majority":
        shares = np.bincount(targets[fold.context.training]) / len(fold.context.training)
        np.testing.assert_allclose(scored, np.tile(shares, (30, 1)), rtol=1e-6)
    else:
        assert scored[:, 1].std() > 1e-3
    if name == "clinical_lr":
        hits = scored.argmax(axis=1) == targets
        assert hits[fold.context.training].mean() > 0.8
