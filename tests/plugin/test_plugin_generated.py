"""Generated plugins of every kind: installed by pip, listed, their own tests pass, and recipes run with them."""

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tiny import tiny
from xdistill.crossval.events import RunFinished, RunStarted
from xdistill.crossval.execute import execute
from xdistill.plugin import KINDS, load_catalog
from xdistill.plugin.importing import selected
from xdistill.plugin.scaffold import write_plugin
from xdistill.recipe.load import load_recipe

PIP = (sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation")


def run(*words, cwd, site=None):
    paths = [str(site)] if site else []
    return subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "XDISTILL_CACHE": str(Path(cwd) / "cache"),
            "OMP_NUM_THREADS": "1",
        },
    )


def xdistill(*words, cwd, site=None):
    done = run("-c", "from xdistill.cli import main; main()", *words, cwd=cwd, site=site)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a generated plugin of each kind, installed below ``site``."""
    folder = tmp_path_factory.mktemp("generated")
    for kind in KINDS:
        write_plugin(f"new-{kind.name}", kind.name, parent=folder)
    projects = sorted(path.parent for path in folder.glob("*/pyproject.toml"))
    assert len(projects) == len(KINDS)
    subprocess.run([*PIP, "--target", folder / "site", *projects], check=True)
    return folder


def test_their_own_tests_pass(place):
    done = run(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", *place.glob("new-*/tests"), cwd=place,
        site=place / "site",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout
    assert "xfailed" not in done.stdout


def test_they_are_clean(place):
    pytest.importorskip("ruff")
    rules = ("--select", "E,F,UP,B", "--line-length", "120")
    done = run("-m", "ruff", "check", "--isolated", "--no-cache", *rules, *place.glob("new-*"), cwd=place)
    assert done.returncode == 0, done.stdout
    done = run("-m", "ruff", "format", "--isolated", "--no-cache", "--line-length", "120", "--check", *place.glob("new-*"), cwd=place)  # noqa: E501  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_they_are_listed(place):
    rows = json.loads(xdistill("plugins", "list", "--json", cwd=place, site=place / "site"))
    found = {row["kind"]: row for row in rows if row["distribution"].startswith("new-")}
    assert set(found) == {kind.name for kind in KINDS}
    for kind, row in found.items():
        assert (row["name"], row["version"]) == (f"new_{kind}", "0.1.0")
        assert row["summary"]


def recipe_with_new_parts():
    recipe = tiny()
    recipe["augment"] = [{"use": "new_augmentation", "modality": "hbp"}]
    recipe["student"]["branches"]["hbp"] = {"use": "new_encoder", "inputs": ["hbp"], "features": 8}
    recipe["student"]["fusion"] = {"use": "new_fusion"}
    recipe["metrics"] = [{"use": "new_metric"}]
    recipe["executor"] = {"use": "new_executor"}
    recipe["stages"][0]["epochs"] = 1
    recipe["stages"][0]["objective"] = [
        {"use": "new_task_loss", "on": "teacher"},
        {"use": "new_task_loss", "on": "student"},
        {"use": "new_distillation_loss", "taps": ["hbp", "pre"], "weight": 0.5},
    ]
    recipe["crossval"] = {"folds": 2}
    return recipe


@pytest.mark.slow
def test_a_recipe_names_them(place):
    (place / "recipe.yaml").write_text(json.dumps(recipe_with_new_parts()))
    result = json.loads(xdistill("run", "recipe.yaml", "--json", "--quiet", cwd=place, site=place / "site"))
    assert "new_metric" in result["summary"]["student"]
    record = json.loads((place / result["run_dir"] / "record.json").read_text())
    assert record["versions"]["new-distillation-loss"] == "0.1.0"


@pytest.mark.slow
def test_a_single_file_is_trained_with_and_another_content_is_another_run(tmp_path, monkeypatch):
    (loss, *_) = write_plugin("own-loss", "distillation_loss", parent=tmp_path)
    recipe = tiny(crossval={"folds": 2}, executor={"use": "local", "jobs": 1})
    recipe["stages"][0]["epochs"] = 1
    recipe["stages"][0]["objective"][2:] = [{"use": "own_loss", "taps": ["hbp", "pre"]}]
    (tmp_path / "recipe.yaml").write_text(json.dumps(recipe))
    command = ("run", "recipe.yaml", "--plugin", str(loss), "--json", "--quiet")
    first = json.loads(xdistill(*command, cwd=tmp_path))
    history = (tmp_path / first["run_dir"] / "folds" / "r0-f0" / "history.csv").read_text()
    assert "own_loss" in history.splitlines()[0]
    record = json.loads((tmp_path / first["run_dir"] / "record.json").read_text())
    assert len(record["versions"]["own_loss.py"]) == 12
    run = tmp_path / first["run_dir"]
    assert event_of(tmp_path, loss, monkeypatch) == RunFinished(str(run)), "the same run is found"
    loss.write_text(loss.read_text().replace("sum(mse_loss", "0.5 * sum(mse_loss"))
    other = event_of(tmp_path, loss, monkeypatch)
    assert isinstance(other, RunStarted)
    assert Path(other.path) != run


def event_of(place, loss, monkeypatch):
    """What a run of the recipe says when its cohort and its folder are known, in this process."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    try:
        with selected(files=[loss]):
            loaded = load_recipe(place / "recipe.yaml")
            with closing(execute(loaded, load_catalog(), runs=place / "runs", cache=place / "cache")) as events:
                return next(event for event in events if isinstance(event, RunStarted | RunFinished))
    finally:
        sys.modules.pop(loss.stem, None)
