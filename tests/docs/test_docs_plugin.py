"""docs/your-first-plugin.md: the files are written as they stand there, installed, and used."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tomllib

import pytest
import torch

from docs.pages import ROOT, blocks
from xdistill.errors import RecipeError
from xdistill.experiment.assemble import assemble
from xdistill.experiment.networks import build_networks, build_term, probe
from xdistill.interfaces.loss import TrainingFacts
from xdistill.plugin import load_catalog
from xdistill.plugin.catalog import Plugin, build_catalog
from xdistill.recipe.load import load_recipe
from xdistill.training.objective import Objective
from xdistill.training.shapes import zeros

PAGE = "docs/your-first-plugin.md"
TINY = (
    "data.subjects=24",
    "data.shape=[8, 16, 16]",
    "crossval.folds=2",
    "stages.joint.epochs=1",
    *(f"{role}.branches.{phase}.width=0.03125" for role in ("teacher", "student") for phase in ("hbp", "pre")),
)


@pytest.fixture
def project(tmp_path):
    """The page's files in a folder."""
    files = {block.file: block.text for kind in ("python", "toml", "yaml") for block in blocks(kind, PAGE)}
    package = {"xdistill_mine/losses.py", "xdistill_mine/__init__.py", "pyproject.toml"}
    assert set(files) == package | {"tests/test_losses.py", "cosine.yaml"}
    folder = tmp_path / "mine"
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def mine(project, monkeypatch):
    """The plugin as its entry point finds it."""
    monkeypatch.syspath_prepend(project)
    metadata = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ((name, target),) = metadata["entry-points"]["xdistill"].items()
    yield Plugin(name, importlib.import_module(target), metadata["name"], metadata["version"])
    for module in [module for module in sys.modules if module.startswith("xdistill_mine")]:
        del sys.modules[module]


def test_the_catalog_takes_it(mine):
    (entry,) = build_catalog([mine])
    assert (entry.kind, entry.name) == ("distillation_loss", "cosine_features")
    assert (entry.distribution, entry.version) == ("xdistill-mine", "0.1.0")


def test_the_readme_shows_the_same_loss(mine):
    (block,) = blocks("python", "README.md")
    names: dict[str, object] = {}
    exec(block.text, names)  # noqa: S102 - the page's own example
    (entry,) = build_catalog([mine])
    shown = names["CosineFeatures"]
    assert shown.name == entry.name
    assert shown.forward.__code__.co_code == entry.component.forward.__code__.co_code
    assert shown.Config.model_json_schema() == entry.component.Config.model_json_schema()


def test_an_assembled_recipe_computes_it(mine, project):
    experiment = assemble(load_recipe(project / "cosine.yaml", overrides=TINY), load_catalog(extra=[mine]))
    schema = experiment.data.build().schema()
    networks = build_networks(experiment.networks, schema, seed=0)
    specs = {role: probe(choice, schema)[1] for role, choice in experiment.networks.items()}
    plan = experiment.stages[0].terms[-1]
    assert (plan.label, plan.weight) == ("cosine_features", 0.5)
    objective = Objective([build_term(plan, specs, TrainingFacts(schema, (8, 8, 8)))])
    batch = zeros(schema, size=4, device="cpu")
    outputs = {role: network(batch.restricted_to(network.inputs)) for role, network in networks.items()}
    parts = objective(outputs, batch)
    total = objective.total(parts)
    # By hand: one minus the mean cosine, over both features and all subjects.
    cosines = [
        torch.dot(ours, theirs) / (ours.norm() * theirs.norm())
        for tap in ("hbp", "pre")
        for ours, theirs in zip(outputs["student"].features[tap], outputs["teacher"].features[tap], strict=True)
    ]
    torch.testing.assert_close(parts["cosine_features"], 1 - torch.stack(cosines).mean())
    torch.testing.assert_close(total, 0.5 * (1 - torch.stack(cosines).mean()))
    total.backward()
    assert any(parameter.grad is not None for parameter in networks["student"].parameters())
    assert all(parameter.grad is None for parameter in networks["teacher"].parameters())


@pytest.mark.usefixtures("mine")
def test_its_tests_pass(project, pytester):
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", project / "tests")
    assert result.ret == 0
    assert result.parseoutcomes()["passed"] > 15


def test_an_unknown_feature_is_an_error(mine, project):
    loaded = load_recipe(project / "cosine.yaml", overrides=["stages.joint.objective.cosine_features.taps=[hpb]"])
    with pytest.raises(RecipeError, match=r"the teacher has no tap `hpb`; did you mean `hbp`"):
        assemble(loaded, load_catalog(extra=[mine]))


@pytest.mark.slow
def test_installed_it_is_trained_with(project, tmp_path):
    site = tmp_path / "site"
    install = ("-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target")
    subprocess.run([sys.executable, *install, site, project], check=True, capture_output=True)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(site), str(ROOT), str(ROOT / "plugins")]),
        "XDISTILL_CACHE": str(tmp_path / "cache"),
        "OMP_NUM_THREADS": "1",
    }

    command = [sys.executable, "-c", "from xdistill.cli import main; main()", "run", "cosine.yaml", "--json", "--quiet"]
    changes = [word for change in TINY for word in ("--set", change)]
    done = subprocess.run(
        [*command, "--jobs", "1", *changes], capture_output=True, text=True, check=False, cwd=project, env=environment
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    record = json.loads((project / result["run_dir"] / "record.json").read_text(encoding="utf-8"))
    assert record["versions"]["xdistill-mine"] == "0.1.0"
    history = (project / result["run_dir"] / "folds" / "r0-f0" / "history.csv").read_text(encoding="utf-8")
    assert "cosine_features" in history.splitlines()[0]
