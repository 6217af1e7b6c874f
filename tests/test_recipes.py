"""Every recipe that ships: it assembles with each of its profiles, and the paper's size really trains."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from xdistill.distributed.fabric import make_fabric
from xdistill.experiment.assemble import assemble
from xdistill.experiment.networks import build_networks, build_term, probe
from xdistill.interfaces.loss import TrainingFacts
from xdistill.recipe.layers import read_chain
from xdistill.recipe.load import load_recipe
from xdistill.recipe.overrides import find_place
from xdistill.training.model import DistillationModel, set_modes
from xdistill.training.objective import Objective
from xdistill.training.optimizer import make_optimizer
from xdistill.training.trainer import Trainer
from xdistill.types import Batch

RECIPES = Path(__file__).parents[1] / "recipes"
NEEDS_DATA = re.compile(r"\$\{XDISTILL_DATA\}(/[\w./-]*)")


def shipped() -> Iterator[tuple[str, str | None]]:
    """Every recipe as it is, and with each profile that it has."""
    for path in sorted(RECIPES.rglob("*.yaml")):
        name = path.relative_to(RECIPES).as_posix()
        yield name, None
        for profile in sorted({profile for layer in read_chain(path).layers for profile in layer.profiles}):
            yield name, profile


SHIPPED = list(shipped())


@pytest.fixture
def recipe(request):
    name, profile = request.param
    path = RECIPES / name
    files = [layer.file for layer in read_chain(path).layers if layer.file]
    data = os.environ.get("XDISTILL_DATA", "")
    needed = [found for file in files for found in NEEDS_DATA.findall(file.read_text(encoding="utf-8"))]
    if needed and not (data and all(Path(data + path).exists() for path in needed)):
        pytest.skip(f"{name} reads real data from the folder named by XDISTILL_DATA, which does not hold them")
    return load_recipe(path, profile=profile)


@pytest.mark.parametrize("recipe", SHIPPED, indirect=True, ids=lambda case: ":".join(filter(None, case)))
def test_it_assembles_and_keeps_what_is_privileged_from_the_student(recipe, catalog):
    experiment = assemble(recipe, catalog)
    student = set(experiment.facts["student"].inputs)
    assert student or recipe.recipe.student.settings().get("inputs") == []  # said in so many words
    assert experiment.privileged == tuple(recipe.recipe.privileged or ())
    assert not student & set(experiment.privileged)
    # What is printed as the resolved recipe is a recipe, and the same one.
    again = assemble(load_recipe(recipe.files[0], profile=recipe.profile, overrides=experiment.resolved()), catalog)
    assert again.resolved() == experiment.resolved()


@pytest.mark.parametrize("recipe", SHIPPED, indirect=True, ids=lambda case: ":".join(filter(None, case)))
def test_what_it_says_was_filled_in_is_there(recipe):
    for place in recipe.recipe.inferred:
        path, fault = find_place(recipe.root, place.split("."))
        assert not fault
        value = recipe.tree()
        for step in path:
            value = value[step]


def test_the_flagship_fits_a_laptop(catalog):
    experiment = assemble(load_recipe("mvi_hcc"), catalog)
    assert experiment.facts["student"].parameters < 3_000_000
    assert experiment.facts["teacher"].parameters < 3_000_000
    subjects, voxels = (
        experiment.recipe.data.settings()["subjects"],
        np.prod(experiment.recipe.data.settings()["shape"]),
    )
    # Subject-voxels that pass a network over all folds: what the time of a run grows with.
    assert experiment.epochs * experiment.recipe.crossval.folds * subjects * voxels < 2e8


def test_the_paper_profile_is_of_the_papers_size(catalog):
    experiment = assemble(load_recipe("mvi_hcc", profile="paper"), catalog)
    small = assemble(load_recipe("mvi_hcc"), catalog)
    resolved = experiment.resolved()
    assert resolved["data"]["shape"] == [32, 96, 96]
    assert resolved["data"]["subjects"] == 270
    widths = {branch["width"] for role in ("teacher", "student") for branch in resolved[role]["branches"].values()}
    assert widths == {1.0}
    assert resolved["stages"][0]["epochs"] == 150
    assert [term.label for term in experiment.stages[0].terms] == [term.label for term in small.stages[0].terms]
    assert (resolved["optimizer"]["lr"], resolved["optimizer"]["weight_decay"]) == (1e-4, 1e-4)
    assert resolved["stages"][0]["batch_size"] == 8
    assert {"data.shape", "stages.joint.epochs", "optimizer"} <= set(experiment.recipe.inferred)
    assert small.recipe.inferred == ()


@pytest.mark.slow
def test_the_paper_profile_trains_a_step(catalog):
    """Full width and full volumes; two subjects a batch instead of eight, to spare the memory of small machines."""
    loaded = load_recipe(
        "mvi_hcc",
        profile="paper",
        overrides=["data.subjects=12", "loader.batch_size=2", "compute.accelerator=cpu", "compute.threads=2"],
    )
    experiment = assemble(loaded, catalog)
    schema = experiment.data.build().schema()
    fabric = make_fabric(experiment.recipe.compute)
    networks = build_networks(experiment.networks, schema, seed=0)
    stage = experiment.stages[0]
    specs = {role: probe(choice, schema)[1] for role, choice in experiment.networks.items()}
    terms = [build_term(term, specs, TrainingFacts(schema, (4, 4, 4))) for term in stage.terms]
    set_modes(networks, stage.train)
    model = DistillationModel(networks, Objective(terms), stage.train)
    optimizer = make_optimizer(model, stage.optimizer)
    trainer = Trainer(model, optimizer, fabric=fabric, clip_norm=stage.optimizer.clip_norm)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}

    total, terms, *_ = trainer.train_step(_two_subjects(experiment))

    assert np.isfinite(float(total))
    assert set(terms) == {"focal:teacher", "focal:student", "class_kl", "feature_kl"}
    assert all(np.isfinite(float(value)) for value in terms.values())
    moved = {name.split(".")[1] for name, value in model.named_parameters() if not torch.equal(value, before[name])}
    assert moved == {"teacher", "student"}


def _two_subjects(experiment) -> Batch:
    rows = list(experiment.data.build().load_many([0, 1]))
    inputs = {
        name: torch.from_numpy(np.stack([np.nan_to_num(np.asarray(row[name], dtype=np.float32)) for row in rows]))
        for name in experiment.modalities
    }
    # No transform is fitted for two subjects: items of any size would swamp the first step.
    inputs["clinical"] = torch.tanh(inputs["clinical"])
    batch = Batch(
        inputs=inputs,
        present={name: torch.ones(2, dtype=torch.bool) for name in inputs},
        subjects=("first", "second"),
    )
    return replace(batch, target=torch.tensor([0, 2]))
