"""Specialised teachers: a member with masked features, by hand, and the three stages of MST-Distill."""

import pytest
import torch

from crossmodal.small import MEMBERS, learned, small, taught
from tiny import trained
from xdistill.errors import RecipeError, SettingsError
from xdistill.experiment.assemble import assemble
from xdistill.interfaces import Teacher
from xdistill.interfaces.component import choose
from xdistill.plugin import load_catalog
from xdistill.recipe.load import as_loaded
from xdistill.testing.helpers.samples import sample_batch
from xdistill.types import ModalitySpec, Schema
from xdistill_crossmodal.teachers.mst_teachers import Mask, MaskSettings

SCHEMA = Schema({name: ModalitySpec("vector", (10,)) for name in "ab"}, classes=("x", "y", "z"))
MASKED = {"alone_masked": {"member": "alone", "at": "layers"}, "both_masked": {"member": "both", "at": "layers"}}
TEACHER = {"use": "mst_teachers", "members": MEMBERS, "specialised": MASKED, "mask": {"heads": 1}}


@pytest.fixture(scope="module")
def catalog():
    return load_catalog()


def built(catalog, **changes):
    return choose(Teacher, {**TEACHER, **changes}, catalog).build(schema=SCHEMA)


def with_factors(network, logit):
    """Masks that multiply every channel by the sigmoid of a number."""
    for mask in network.masks.values():
        torch.nn.init.zeros_(mask.factor.weight)
        torch.nn.init.constant_(mask.factor.bias, logit)
    return network


def test_sizes_of_the_mask():
    mask = Mask(10, MaskSettings(reduction=2, heads=3))  # 10 / (2 * 3), rounded down, values for each of 3 heads
    assert mask.embed.out_features == 10 * 3
    assert Mask(2, MaskSettings(heads=3)).embed.out_features == 2 * 3  # one value a head at least
    assert mask(torch.randn(4, 10, 5, 5)).shape == (4, 10, 5, 5)


def test_an_open_mask_is_the_member_and_a_half_open_one_halves_its_features(catalog):
    network, batch = built(catalog), sample_batch(SCHEMA, subjects=4)
    opened = with_factors(network, 30.0)(batch)
    torch.testing.assert_close(opened.aux["alone_masked"], opened.aux["alone"])
    half = with_factors(network, 0.0)(batch)
    torch.testing.assert_close(half.features["alone_masked.hidden"], half.features["alone.hidden"] / 2)
    head = network.members["alone"].head
    torch.testing.assert_close(half.aux["alone_masked"], head(half.features["alone.hidden"] / 2))
    torch.testing.assert_close(half.logits, opened.logits)  # the combination is of the members alone


def test_masked_features_do_not_move_the_statistics_of_a_member(catalog):
    norm = {name: {**block, "norm": "batch"} for name, block in MEMBERS.items()}
    batch = sample_batch(SCHEMA, subjects=6)
    masked = built(catalog, members=norm).train()
    plain = choose(Teacher, {"use": "several", "members": norm}, catalog).build(schema=SCHEMA).train()
    plain.load_state_dict(masked.state_dict(), strict=False)
    masked(batch)
    plain(batch)
    for name, value in plain.members.state_dict().items():
        torch.testing.assert_close(masked.members.state_dict()[name], value)
    assert masked.members["alone"].training


@pytest.mark.parametrize(
    ("one", "words"),
    [
        ({"member": "alone", "at": "layer"}, "'alone' has no part 'layer'; its parts: layers, layers.0"),
        ({"member": "alone", "at": ""}, "the part '' of 'alone' does not return a tensor of features"),
    ],
)
def test_parts_that_cannot_be_masked(one, words, catalog):
    with pytest.raises(SettingsError, match=words):
        built(catalog, specialised={"masked": one})


@pytest.mark.parametrize(
    ("specialised", "words"),
    [
        ({"alone": {"member": "alone", "at": "layers"}}, "cannot be named 'alone'"),
        (
            {"masked": {"member": "bath", "at": "layers"}},
            "'masked' masks an unknown member 'bath'; members: alone, both",
        ),
    ],
)
def test_names_of_specialised_teachers(specialised, words, catalog):
    with pytest.raises(RecipeError, match=words):
        assemble(as_loaded(small(teacher={**TEACHER, "specialised": specialised})), catalog)


def test_the_three_stages(tmp_path):
    together = {**taught("alone"), "name": "together", "train": ["teacher.members", "student"]}
    both = {**taught("both")["objective"][0]}
    pairs = [
        {"use": "kd", "output": name, "detach_teacher": False, "teaches": learner}
        for name in MEMBERS
        for learner in ("student", "teacher")
    ]
    members = {"use": "mutual_members", "on": "teacher", "members": list(MEMBERS), "detach": False}
    together["objective"] = [*together["objective"], both, {"use": "cross_entropy"}, members, *pairs]
    masks = [{"use": "kd", "output": name, "teaches": "teacher"} for name in MASKED]
    gate = {"use": "mst_distill", "members": list(MASKED), "optimizer": {"lr": 0.001}}
    stages = [together, {"name": "masks", "train": ["teacher.masks"], "epochs": 1, "objective": masks}, learned(gate)]
    recipe = small(teacher=TEACHER, stages=stages)
    run = trained(recipe, runs=tmp_path / "runs", cache=tmp_path / "cache")
    assert "mst_distill" in run.history[-1].values
    assert {"kd:teacher:alone_masked", "kd:teacher:both_masked"} <= set(run.history[1].values)
