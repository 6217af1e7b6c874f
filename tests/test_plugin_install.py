"""Plugins of other people: written in a few lines, installed with pip, found by the command line and its workers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tiny import tiny

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "{version}"

[project.entry-points.xdistill]
{module} = "{module}"

[tool.hatch.build.targets.wheel]
only-include = ["{module}.py"]
"""

LOSS = '''
from torch.nn.functional import cosine_similarity

from xdistill.interfaces import DistillationLoss, Settings
from xdistill.plugin import hookimpl


class CosineFeatures(DistillationLoss):
    """One minus the cosine between the features of teacher and student."""

    name = "cosine_features"

    class Config(Settings):
        taps: list[str]

    def forward(self, student, teacher, batch):
        near = [cosine_similarity(student.features[tap], teacher.features[tap], dim=1) for tap in self.config.taps]
        return 1 - sum(near).mean() / len(near)


@hookimpl
def xdistill_distillation_losses():
    return [CosineFeatures]
'''

ENCODER = '''
import torch
from torch import nn

from xdistill.interfaces import Encoder, Encoding
from xdistill.plugin import hookimpl

XDISTILL_API = 1


class MeanEncoder(Encoder):
    """Mean and spread of a volume through one linear layer."""

    name = "mean_and_spread"

    class Config(Encoder.Config):
        features: int = 8

    def __init__(self, config, *, inputs):
        super().__init__(config, inputs=inputs)
        self.width = config.features
        self.linear = nn.Linear(2 * len(inputs), config.features)

    def forward(self, inputs, present):
        flat = [inputs[name].flatten(1) for name in self.modalities]
        parts = [part(one, dim=1) for one in flat for part in (torch.mean, torch.std)]
        return Encoding(self.linear(torch.stack(parts, dim=1)))


@hookimpl
def xdistill_encoders():
    return [MeanEncoder]
'''


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder in which pip has installed both plugins."""
    folder = tmp_path_factory.mktemp("plugins")
    for name, version, module, source in (
        ("xdistill-cosine", "0.7", "cosine_plugin", LOSS),
        ("xdistill-means", "2.0", "means_plugin", ENCODER),
    ):
        (folder / name).mkdir()
        (folder / name / f"{module}.py").write_text(source)
        (folder / name / "pyproject.toml").write_text(PROJECT.format(name=name, version=version, module=module))
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [*install, "--target", folder / "site", folder / "xdistill-cosine", folder / "xdistill-means"], check=True
    )
    return folder / "site"


def xdistill(site, *arguments, cwd):
    return subprocess.run(
        [sys.executable, "-c", "from xdistill.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={
            **os.environ,
            "PYTHONPATH": str(site),
            "XDISTILL_CACHE": str(Path(cwd) / "cache"),
            "OMP_NUM_THREADS": "1",
        },
    )


def test_they_are_listed_with_their_distribution(site, tmp_path):
    done = xdistill(site, "plugins", "list", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = {row["name"]: row for row in json.loads(done.stdout)}
    loss, encoder = found["cosine_features"], found["mean_and_spread"]
    assert (loss["kind"], loss["distribution"], loss["version"]) == ("distillation_loss", "xdistill-cosine", "0.7")
    assert loss["summary"] == "One minus the cosine between the features of teacher and student."
    assert (encoder["kind"], encoder["distribution"], encoder["version"]) == ("encoder", "xdistill-means", "2.0")
    assert found["hcc_phantom"]["distribution"] == "xdistill"


def recipe_with_both():
    recipe = tiny()
    recipe["student"]["branches"]["hbp"] = {"use": "mean_and_spread", "inputs": ["hbp"], "features": 8}
    recipe["stages"][0]["objective"].append({"use": "cosine_features", "taps": ["hbp", "pre"], "weight": 0.5})
    recipe["stages"][0]["epochs"] = 1
    return recipe


@pytest.mark.slow
def test_a_recipe_that_names_them_runs(site, tmp_path):
    (tmp_path / "recipe.yaml").write_text(json.dumps(recipe_with_both()))
    done = xdistill(site, "run", "recipe.yaml", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert len(result["summary"]["student"]["auc_ovo"]["folds"]) == 3
    run = tmp_path / result["run_dir"]
    assert "cosine_features" in (run / "folds" / "r0-f0" / "history.csv").read_text().splitlines()[0]
    versions = json.loads((run / "record.json").read_text())["versions"]
    assert versions["xdistill-cosine"] == "0.7"


def test_without_them_the_recipe_says_what_is_missing(tmp_path):
    (tmp_path / "recipe.yaml").write_text(json.dumps(recipe_with_both()))
    done = xdistill(tmp_path, "recipe", "check", "recipe.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "there is no encoder 'mean_and_spread'" in done.stderr
    assert "unknown loss `cosine_features`" in done.stderr
    assert "Traceback" not in done.stderr
