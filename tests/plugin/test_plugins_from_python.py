"""Plugins in files, used from Python: `plugins=[...]` of the functions in `xdistill.api`, and `xdistill.catalog`."""

import sys

import pytest

import xdistill
from tiny import tiny
from xdistill.errors import RecipeError
from xdistill.plugin.scaffold import write_plugin


@pytest.fixture
def own_loss(tmp_path, monkeypatch):
    """A generated loss in a file; its module is forgotten after the test."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield write_plugin("own-loss", "distillation_loss", parent=tmp_path)[0]
    sys.modules.pop("own_loss", None)


def recipe_with_own_loss():
    recipe = tiny(crossval={"folds": 2}, executor={"use": "local", "jobs": 2})
    recipe["stages"][0]["epochs"] = 1
    recipe["stages"][0]["objective"][2:] = [{"use": "own_loss", "taps": ["hbp", "pre"]}]
    return recipe


def test_worker_processes_train_with_a_file(own_loss, tmp_path):
    result = xdistill.run(
        recipe_with_own_loss(), runs=tmp_path / "runs", cache=tmp_path / "cache", plugins=[str(own_loss)]
    )
    assert all("own_loss" in row.values for row in result.history)
    assert "own_loss.py" in result.record["versions"]
    assert not xdistill.catalog().has("distillation_loss", "own_loss"), "only during the call"


def test_without_the_file_the_loss_is_unknown(own_loss, tmp_path):
    for function in (xdistill.run, xdistill.run_with_controls):
        with pytest.raises(RecipeError, match="own_loss"):
            function(recipe_with_own_loss(), runs=tmp_path / "runs", cache=tmp_path / "cache")
    assert own_loss.is_file()
    assert not (tmp_path / "runs").exists()


def test_the_catalog_lists_what_is_registered(own_loss):
    assert xdistill.catalog().names("fusion") == ("concat", "cross_attention")
    assert "own_loss" in xdistill.catalog(plugins=[own_loss]).names("distillation_loss")
    assert "hcc_phantom" not in xdistill.catalog(disabled=["mri"]).names("dataset")


def test_an_unknown_kind():
    catalog = xdistill.catalog()
    for look in (catalog.names, lambda kind: catalog.has(kind, "concat"), lambda kind: catalog.entry(kind, "concat")):
        with pytest.raises(LookupError, match=r"^there is no kind 'fusoin'; did you mean `fusion`\?$"):
            look("fusoin")
