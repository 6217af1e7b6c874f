"""Concat_2S: each phase learns alone, the heads of stage one are discarded, the encoders are frozen."""

from __future__ import annotations

import pytest
import torch

from baselines.blocks import BLOCKS, branches
from xdistill.distributed.fabric import make_fabric
from xdistill.errors import SettingsError
from xdistill.experiment.assemble import assemble
from xdistill.experiment.networks import build_networks, build_term, probe
from xdistill.interfaces.loss import TrainingFacts
from xdistill.plugin import load_catalog
from xdistill.recipe.load import load_recipe
from xdistill.training.model import DistillationModel, set_modes
from xdistill.training.objective import Objective
from xdistill.training.optimizer import make_optimizer
from xdistill.training.trainer import Trainer
from xdistill.types import Batch

SMALL = [
    "data.subjects=30",
    "data.shape=[8, 16, 16]",
    "student.branches.hbp.width=0.03125",
    "student.branches.pre.width=0.03125",
]


@pytest.fixture(scope="module")
def experiment():
    return assemble(load_recipe("baselines/concat_2s", overrides=SMALL), load_catalog())


@pytest.fixture
def networks(experiment):
    return build_networks(experiment.networks, experiment.data.build().schema(), seed=0)


def moved_by(experiment, networks, stage):
    """The parts of the student that a step of a stage changes, running statistics included."""
    schema = experiment.data.build().schema()
    specs = {role: probe(choice, schema)[1] for role, choice in experiment.networks.items()}
    terms = [build_term(term, specs, TrainingFacts(schema, (4, 4, 4))) for term in stage.terms]
    student = networks["student"]
    before = {name: value.clone() for name, value in student.state_dict().items()}
    set_modes(networks, stage.train)
    model = DistillationModel(networks, Objective(terms), stage.train)
    fabric = make_fabric(experiment.recipe.compute)
    generator = torch.Generator().manual_seed(0)
    batch = Batch(
        inputs={name: torch.randn(4, *schema.modalities[name].shape, generator=generator) for name in student.inputs},
        present={name: torch.ones(4, dtype=torch.bool) for name in student.inputs},
        subjects=("a", "b", "c", "d"),
        target=torch.tensor([0, 1, 2, 0]),
    )
    Trainer(model, make_optimizer(model, stage.optimizer), fabric=fabric).train_step(batch)
    return {
        ".".join(name.split(".")[:2])
        for name, value in student.state_dict().items()
        if not torch.equal(value, before[name])
    }


def test_each_stage_trains_its_own_part_and_nothing_else(experiment, networks):
    moved = {stage.name: moved_by(experiment, networks, stage) for stage in experiment.stages}
    assert moved == {
        "hbp": {"branches.hbp", "branch_heads.hbp"},
        "pre": {"branches.pre", "branch_heads.pre"},
        "fusion": {"head.0", "head.2", "head.4"},
    }


def test_the_heads_of_stage_one_are_discarded(build, make_batch):
    network = build(BLOCKS["concat_2s"]).eval()
    batch = make_batch(inputs=network.inputs)
    before = network(batch)
    for parameter in network.branch_heads.parameters():
        parameter.data.fill_(torch.nan)
    after = network(batch)
    assert torch.equal(after.logits, before.logits)
    assert all(logits.isnan().all() for logits in after.aux.values())


def test_a_head_of_stage_one_sees_its_own_phase_alone(build, make_batch):
    network = build(BLOCKS["concat_2s"])
    network(make_batch(inputs=network.inputs)).aux["hbp"].sum().backward()
    reached = {".".join(name.split(".")[:2]) for name, value in network.named_parameters() if value.grad is not None}
    assert reached == {"branches.hbp", "branch_heads.hbp"}


def test_the_default_layers_are_those_of_the_baseline(build):
    network = build({"use": "concat_2s", "branches": branches(features=512)})
    sizes = [(part.in_features, part.out_features) for part in network.head if hasattr(part, "in_features")]
    assert sizes == [(1024, 512), (512, 256), (256, 3)]
    assert not network.pairs


def test_with_three_phases_every_pair_has_a_stage_and_the_head_reads_the_pairs(build, make_batch):
    network = build(BLOCKS["concat_2s, three phases"]).eval()
    output = network(make_batch(inputs=network.inputs))
    pairs = [("hbp", "pre"), ("hbp", "art"), ("pre", "art")]
    found = []
    for one, other in pairs:
        name = f"{one}_and_{other}"
        both = torch.cat([output.features[one], output.features[other]], dim=1)
        first, _, second = network.pairs[name][0]
        pair = second(first(both).relu()).relu()
        assert torch.equal(output.features[name], pair)
        assert torch.equal(output.aux[name], network.pair_heads[name](pair))
        found.append(pair)
    assert torch.equal(output.logits, network.head(torch.cat(found, dim=1)))


def test_one_phase_has_nothing_to_be_fused_with(build):
    with pytest.raises(SettingsError, match="two or more branches") as caught:
        build({**BLOCKS["concat_2s"], "branches": branches("hbp")})
    assert caught.value.field == "branches"
