"""The Gaussian data, and the choice of a teacher's columns."""

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from pydantic import ValidationError
from torch import nn
from torch.nn.functional import mse_loss

from xdistill.errors import SettingsError
from xdistill.plugin import load_catalog
from xdistill.training.model import DistillationModel, set_modes
from xdistill.training.objective import Objective, Term
from xdistill.training.trainer import Trainer
from xdistill.types import Batch, ModalitySpec, Schema
from xdistill_crossmodal.focusing.callback import ModalityFocus, salience
from xdistill_crossmodal.focusing.mfh import FocusingGaussians


def drawn(**settings):
    data = FocusingGaussians(FocusingGaussians.Config(train=3000, test=10, **settings))
    rows = list(data.load_many(range(3010)))
    target = np.array([row.target for row in data.index()])
    return np.stack([row["a"] for row in rows]), np.stack([row["b"] for row in rows]), target


@pytest.mark.parametrize(("shared", "gamma"), [(0, 0.0), (4, 0.25), (10, 1.0)])
def test_shared_features_are_the_same_columns_of_both_modalities(shared, gamma):
    a, b, _ = drawn(shared=shared)
    assert (a.shape[1], b.shape[1]) == (25, 50)
    assert np.array_equal(a[:, :shared], b[:, 10 - shared : 10])
    correlation = np.corrcoef(a[:, shared:].T, b.T)[: 25 - shared, 25 - shared :]
    assert np.abs(correlation).max() < 0.1
    assert FocusingGaussians(FocusingGaussians.Config(shared=shared)).gamma == pytest.approx(gamma)


def explained(features, target):
    """The share of the subjects whose class a linear fit of the features finds."""
    signs = 2.0 * target - 1
    return float(((features @ np.linalg.lstsq(features, signs)[0] > 0) == (signs > 0)).mean())


def test_decisive_features_decide_and_the_rest_is_noise():
    a, b, target = drawn(shared=0)  # all decisive features are seen
    assert explained(np.hstack([a[:, :10], b[:, :10]]), target) > 0.96
    assert explained(np.hstack([a[:, 10:], b[:, 10:]]), target) < 0.58
    a, b, target = drawn(shared=10)  # ten others decide too, and nobody sees them
    assert explained(np.hstack([a, b[:, 10:]]), target) < 0.9
    a, b, target = drawn(shared=10, unseen=0)
    assert explained(a[:, :10], target) > 0.96


def test_with_ones_as_direction_the_sign_of_the_sum_is_the_class():
    a, _, target = drawn(shared=5, decisive_a=20, decisive_b=5, unseen=0, direction="ones")
    assert np.array_equal(a[:, :20].sum(axis=1) > 0, target.astype(bool))


def test_more_classes_are_about_as_frequent_and_the_seed_counts():
    *first, target = drawn(classes=4)
    assert np.bincount(target).min() > 300
    again, other = drawn(classes=4), drawn(classes=4, seed=1)
    assert all(np.array_equal(one, two) for one, two in zip(first, again, strict=False))
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shared": 11}, "`shared` is larger"),
        ({"decisive_a": 30}, "more features are decisive than there are"),
        ({"shared": 0, "decisive_a": 0, "decisive_b": 0}, "no decisive feature"),
        ({"direction": "ones", "classes": 3}, "use two classes"),
    ],
)
def test_impossible_numbers_are_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        FocusingGaussians.Config(**settings)


SCHEMA = Schema({"a": ModalitySpec("vector", (3,)), "b": ModalitySpec("vector", (2,))}, ("no", "yes"))


def built(kind, block):
    catalog = load_catalog()
    component = catalog.entry(kind, block.pop("use")).component
    return component(component.Config.model_validate(block, context={"resolver": catalog}), schema=SCHEMA)


def linear(weights, *, on, kind):
    """A linear network on a modality, whose second logit is the negative of the first."""
    network = {"use": "mlp", "inputs": [on], "hidden": []}
    built_network = built(
        kind, {"use": "focused", "network": network, "modality": on} if kind == "teacher" else network
    )
    head = built_network.network.head if kind == "teacher" else built_network.head
    with torch.no_grad():
        head.weight.copy_(torch.tensor([weights, [-value for value in weights]]))
        head.bias.zero_()
    return built_network


def subjects(count=400):
    torch.manual_seed(0)
    a = torch.randn(count, 3)
    b = torch.stack([a[:, 0], torch.randn(count)], dim=1)  # the first column is shared
    present = {name: torch.ones(count, dtype=torch.bool) for name in "ab"}
    return Batch({"a": a, "b": b}, present, tuple(map(str, range(count))), (a[:, 0] > 0).long())


def test_salience_is_the_distance_after_a_column_is_permuted():
    """The teacher weighs its columns 2, 1, 0; the student sees the first. Expected: the variances that are added."""
    batch = subjects()
    parts = [batch.take(torch.arange(0, 150)), batch.take(torch.arange(150, 400))]
    teacher, student = linear([2.0, 1.0, 0.0], on="a", kind="teacher"), linear([2.0, 0.0], on="b", kind="student")
    found = salience(teacher, student, parts, repeats=20, generator=torch.Generator().manual_seed(0))
    # Before: the distance is x2², of mean 1. Permuted: 2 * 4 var(x1) is added; the second column changes nothing.
    assert found.tolist() == pytest.approx([9.0, 1.0, 1.0], rel=0.15)
    unchanged = mse_loss(teacher(batch).logits, student(batch).logits).item()
    assert found[2].item() == pytest.approx(unchanged, rel=1e-5)


def focus_trainer(callback, *, epochs_of="together"):
    torch.manual_seed(0)
    networks = {
        "teacher": built("teacher", {"use": "focused", "network": {"use": "mlp", "inputs": ["a"]}, "modality": "a"}),
        "student": built("student", {"use": "mlp", "inputs": ["b"]}),
    }
    set_modes(networks, ["teacher", "student"])
    task = load_catalog().entry("task_loss", "cross_entropy").component
    terms = [Term(task(task.Config(), output=None, training=None), label=role, on=role) for role in networks]
    model = DistillationModel(networks, Objective(terms), ["teacher", "student"])
    return Trainer(
        model,
        torch.optim.Adam(model.parameters(), lr=0.05),
        fabric=Fabric(accelerator="cpu", devices=1),
        callbacks=[callback],
        name=epochs_of,
    )


def state(trainer):
    return {name: value.clone() for name, value in trainer.model.networks.state_dict().items()}


@pytest.mark.parametrize(("choose", "mask"), [("general", [1, 0, 0]), ("specific", None), ("random", None)])
def test_at_the_end_of_the_stage_columns_are_chosen_and_the_networks_are_as_at_first(choose, mask):
    callback = ModalityFocus(ModalityFocus.Config(keep=0.34, choose=choose))
    trainer = focus_trainer(callback)
    before = state(trainer)
    (*_, last) = trainer.fit(lambda _epoch: [subjects()], 10)
    after = state(trainer)
    chosen = after.pop("teacher.mask")
    assert last["columns"] == int(chosen.sum()) == 1
    if mask:
        assert chosen.tolist() == mask
    if choose == "specific":
        assert chosen[0] == 0
    before.pop("teacher.mask")
    assert all(torch.equal(before[name], value) for name, value in after.items())


def test_a_stage_that_is_resumed_chooses_the_same_columns():
    whole = focus_trainer(ModalityFocus(ModalityFocus.Config(keep=0.34)))
    whole.fit(lambda _epoch: [subjects()], 4)
    stopped = focus_trainer(first := ModalityFocus(ModalityFocus.Config(keep=0.34)))
    for done, _ in enumerate(stopped.epochs(lambda _epoch: [subjects()], 4), start=1):
        if done == 2:
            break
    second = ModalityFocus(ModalityFocus.Config(keep=0.34))
    second.load_state_dict(first.state_dict())
    stopped.callbacks = [second]
    for _ in stopped.epochs(lambda _epoch: [subjects()], 4, done=2):
        pass
    assert all(torch.equal(value, state(whole)[name]) for name, value in state(stopped).items())


def test_another_stage_is_left_alone_and_another_teacher_is_refused():
    trainer = focus_trainer(ModalityFocus(), epochs_of="teacher")
    trainer.fit(lambda _epoch: [subjects()], 1)
    assert trainer.model.networks["teacher"].mask.tolist() == [1, 1, 1]
    trainer = focus_trainer(ModalityFocus())
    trainer.model.networks["teacher"] = nn.Linear(1, 1)
    with pytest.raises(SettingsError, match=r"teacher \{use: focused\}"):
        trainer.fit(lambda _epoch: [subjects()], 1)


@pytest.mark.parametrize(("modality", "message"), [("b", "the network reads a"), ("c", "no modality 'c'")])
def test_a_focused_teacher_of_a_modality_that_it_does_not_read_is_refused(modality, message):
    with pytest.raises(SettingsError, match=message):
        built("teacher", {"use": "focused", "network": {"use": "mlp", "inputs": ["a"]}, "modality": modality})
