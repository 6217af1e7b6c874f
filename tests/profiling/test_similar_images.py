"""Images of two patients that are the same, or nearly: in the check of a recipe and in the warnings of a run."""

import numpy as np
import pytest
from typer.testing import CliRunner

from xdistill.cli.data.app import app as data
from xdistill.cli.recipe import app as check
from xdistill.crossval import record
from xdistill.data import open_cohort
from xdistill.profiling import cohort_cautions
from xdistill.recipe.yaml.writer import write_yaml

RECIPE = {
    "name": "pairs",
    "data": {
        "use": "manifest",
        "path": "cohort.csv",
        "columns": {"subject": "id", "label": "label"},
        "volumes": {"mri": {"column": "mri"}},
        "preprocess": {"size": [4, 4, 4]},
        "clinical": None,
        "classes": ["no", "yes"],
    },
    "student": {"use": "fitted", "inputs": ["mri"], "estimator": {"use": "logistic_regression"}},
    "stages": [{"name": "alone", "fit": ["student.estimator"]}],
    "crossval": {"folds": 2},
}


@pytest.fixture
def recipe(tmp_path):
    random = np.random.default_rng(0)
    volumes = random.normal(size=(12, 4, 4, 4)).astype(np.float32)
    volumes[7] = volumes[2] + 1e-3 * random.normal(size=(4, 4, 4))
    volumes[9] = volumes[4]
    lines = ["id,label,mri"]
    for place, volume in enumerate(volumes):
        np.save(tmp_path / f"{place}.npy", volume)
        lines.append(f"s{place},{'no' if place % 2 else 'yes'},{place}.npy")
    (tmp_path / "cohort.csv").write_text("\n".join(lines) + "\n")
    path = tmp_path / "pairs.yaml"
    path.write_text(write_yaml(RECIPE))
    return path


def invoked(app, command, recipe, cache):
    result = CliRunner().invoke(app, [command, str(recipe), "--cache", str(cache)], catch_exceptions=False)
    return result.output


def test_a_check_compares_images_of_a_cohort_that_is_built(recipe, tmp_path):
    cache = tmp_path / "cache"
    assert "not compared with each other yet" in invoked(check, "check", recipe, cache)
    invoked(data, "build", recipe, cache)
    again = invoked(check, "check", recipe, cache)
    assert "not compared" not in again
    assert "warning: same_volume: 2 patients share the same image in `mri`" in again
    assert "warning: similar_volume: 1 pair of patients with nearly the same image in `mri`" in again
    (path,) = cache.glob("*.h5")
    assert {caution.name for caution in cohort_cautions(open_cohort(path))} == {"same_volume", "similar_volume"}


def test_runs_of_one_process_look_for_warnings_once(recipe, tmp_path, monkeypatch):
    invoked(data, "build", recipe, tmp_path / "cache")
    (path,) = (tmp_path / "cache").glob("*.h5")
    looked = []
    monkeypatch.setattr(record, "cohort_cautions", lambda cohort: looked.append(cohort) or cohort_cautions(cohort))
    cohort, other = open_cohort(path), open_cohort(path)
    assert record.warnings_of(cohort) == record.warnings_of(cohort) == record.warnings_of(other)
    assert looked == [cohort, other]
