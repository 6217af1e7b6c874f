"""Gradient rules and modulation, with vectors whose results are worked out by hand or by a plain search."""

from math import tanh
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from xdistill.errors import SettingsError
from xdistill.plugin import load_catalog
from xdistill.training.model import DistillationModel, set_modes
from xdistill.training.objective import Objective, Term
from xdistill.training.trainer import Trainer
from xdistill.types import Batch, ModalitySpec, Output, Schema
from xdistill_crossmodal.gradients.cagrad import ConflictAverse, least_improved
from xdistill_crossmodal.gradients.ogm import OnTheFlyModulation, branch_scores, coefficients
from xdistill_crossmodal.gradients.pcgrad import ProjectedGradients

CONFLICT = torch.tensor([[1.0, 0.0], [-1.0, 1.0]])


def test_pcgrad_projects_each_gradient_onto_the_normal_plane_of_the_other():
    # <g1, g2> = -1. g1 + g2 / 2 = (1/2, 1/2) and g2 + g1 = (0, 1).
    combined = ProjectedGradients().combined(CONFLICT, step=0)
    assert combined.tolist() == [0.5, 1.5]


def test_pcgrad_of_three_terms_projects_one_after_the_other_in_an_order_of_the_step():
    rows = torch.tensor([[1.0, 0.0, 0.0], [-1.0, 1.0, 0.0], [-1.0, -2.0, 1.0]])
    found = {tuple(ProjectedGradients().combined(rows, step=step).tolist()) for step in range(20)}
    assert len(found) > 1
    again = ProjectedGradients().combined(rows, step=3)
    assert torch.equal(again, ProjectedGradients().combined(rows, step=3))


def test_pcgrad_without_conflict_is_the_sum():
    rows = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    assert ProjectedGradients().combined(rows, step=0).tolist() == [2.0, 1.0]


def cagrad(**settings):
    return ConflictAverse(ConflictAverse.Config(**settings))


@pytest.mark.parametrize("c", [0.2, 0.5, 0.9])
def test_cagrad_improves_the_worst_term_most_of_all_updates_in_the_ball(c):
    """The definition, by a search over the circle around the mean gradient: max of min_i <g_i, d>."""
    combined = cagrad(c=c, rescale="none").combined(CONFLICT, step=0).numpy() / 2  # K = 2
    rows = CONFLICT.numpy()
    mean = rows.mean(axis=0)
    angles = np.linspace(0, 2 * np.pi, 20_001)
    circle = mean + c * np.linalg.norm(mean) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    best = (circle @ rows.T).min(axis=1).max()
    assert (rows @ combined).min() == pytest.approx(best, abs=1e-4)
    assert np.linalg.norm(combined - mean) == pytest.approx(c * np.linalg.norm(mean), rel=1e-4)


def test_cagrad_weights_solve_the_dual():
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(3, 6))
    inner, even = rows @ rows.T, np.full(3, 1 / 3)
    length = np.sqrt(even @ inner @ even)
    grid = [np.array([x, y, 1 - x - y]) for x in np.linspace(0, 1, 201) for y in np.linspace(0, 1 - x, 201)]

    def value(weights):
        return weights @ inner @ even + 0.5 * length * np.sqrt(max(weights @ inner @ weights, 0.0))

    assert value(least_improved(inner, 0.5)) <= min(map(value, grid)) + 1e-6


@pytest.mark.parametrize(("rescale", "factor"), [("none", 1.0), ("squared", 1 / 1.25), ("linear", 1 / 1.5)])
def test_cagrad_scales_as_the_official_code(rescale, factor):
    plain = cagrad(c=0.5, rescale="none").combined(CONFLICT, step=0)
    torch.testing.assert_close(cagrad(c=0.5, rescale=rescale).combined(CONFLICT, step=0), plain * factor)


def test_cagrad_without_a_radius_is_the_sum_and_its_size_follows_the_gradients():
    assert cagrad(c=0).combined(CONFLICT, step=0).tolist() == pytest.approx([0.0, 1.0])
    torch.testing.assert_close(
        cagrad().combined(1e-6 * CONFLICT, step=0) * 1e6, cagrad().combined(CONFLICT, step=0), rtol=1e-3, atol=1e-4
    )
    assert cagrad().combined(torch.zeros(2, 3), step=0).tolist() == [0, 0, 0]


class Point(nn.Module):
    """A network whose only logit is the inner product of its weight with the input; `unused` never gets a gradient."""

    inputs = ("x",)

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2))
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, batch):
        return Output(batch.inputs["x"] @ self.weight[:, None])


class Along(nn.Module):
    """A loss whose gradient with respect to the weight of `Point` is a given vector."""

    def __init__(self, direction):
        super().__init__()
        self.direction = torch.tensor(direction)

    def forward(self, output, batch):
        return output.logits.sum() if batch is None else (output.logits[:, 0] * self.direction).sum()


def trained(*callbacks, weights=(1.0, 1.0), directions=((1.0, 0.0), (-1.0, 1.0))):
    """The network after one step of length one, on subjects that are the unit vectors."""
    network = Point()
    set_modes({"student": network}, ["student"])
    terms = [
        Term(Along(direction), label=str(index), on="student", weight=weight)
        for index, (direction, weight) in enumerate(zip(directions, weights, strict=True))
    ]
    model = DistillationModel({"student": network}, Objective(terms), ["student"])
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
    trainer = Trainer(model, optimizer, fabric=Fabric(accelerator="cpu", devices=1), callbacks=callbacks)
    batch = Batch({"x": torch.eye(2)}, {"x": torch.ones(2, dtype=torch.bool)}, ("s0", "s1"))
    trainer.fit(lambda _epoch: [batch], 1)
    assert network.unused.grad is None
    return network.weight.tolist(), trainer


def test_the_trainer_takes_the_step_of_the_rule():
    assert trained()[0] == [0.0, -1.0]
    assert trained(ProjectedGradients())[0] == [-0.5, -1.5]


def test_weights_of_the_terms_count():
    # 2 g1 = (2, 0) becomes (1, 1); g2 becomes (0, 1).
    assert trained(ProjectedGradients(), weights=(2.0, 1.0))[0] == [-1.0, -2.0]


def test_a_stage_of_one_term_is_trained_as_without_the_rule():
    one = {"weights": (1.0,), "directions": ((1.0, 3.0),)}
    assert trained(cagrad(), **one)[0] == trained(**one)[0] == [-1.0, -3.0]


def test_after_the_stage_the_trainer_computes_gradients_as_before():
    _, trainer = trained(ProjectedGradients())
    assert trainer.gradients == trainer.gradients_of_total


def test_two_rules_are_refused():
    with pytest.raises(SettingsError, match="pcgrad and cagrad both compute the gradients"):
        trained(ProjectedGradients(), cagrad())


def test_several_devices_for_a_fold_are_refused():
    trainer = SimpleNamespace(fabric=SimpleNamespace(world_size=2), callbacks=[])
    with pytest.raises(SettingsError, match="one device per fold"):
        ProjectedGradients().on_train_begin(trainer)


def test_coefficients_of_three_branches():
    # The mean of the others: 3 / ((1 + 2) / 2) = 2, then 1 / 2.5 and 2 / 2.
    assert coefficients([3.0, 1.0, 2.0], 0.1) == pytest.approx([1 - tanh(0.2), 1.0, 1.0])
    assert coefficients([5.0], 1.0) == [1.0]


def test_scores_of_a_linear_head_are_those_of_its_parts_with_half_the_bias():
    torch.manual_seed(0)
    head, fused, target = nn.Linear(5, 3), torch.randn(4, 5), torch.tensor([0, 2, 1, 1])
    expected = []
    for part in (slice(0, 2), slice(2, 5)):
        logits = fused[:, part] @ head.weight.detach()[:, part].T + head.bias.detach() / 2
        expected.append(float(logits.softmax(dim=1)[range(4), target].sum()))
    assert branch_scores(head, fused, [2, 3], target) == pytest.approx(expected)


def teacher_of_two_branches():
    schema = Schema({name: ModalitySpec("vector", (3,)) for name in "ab"}, ("no", "yes"))
    catalog = load_catalog()
    branches = {name: {"use": "mlp", "inputs": [name], "hidden": [4]} for name in "ab"}
    component = catalog.entry("teacher", "multibranch").component
    config = component.Config.model_validate({"branches": branches}, context={"resolver": catalog})
    torch.manual_seed(0)
    return component(config, schema=schema)


def gradients_with(labelled=None, **settings):
    """Gradients of the branches' weights after one step, with and without the modulation."""
    seen = {}

    class Watch(OnTheFlyModulation):
        def on_backward_end(self, trainer):
            before = {name: value.grad.clone() for name, value in network.named_parameters()}
            super().on_backward_end(trainer)
            seen.update({name: (before[name], value.grad.clone()) for name, value in network.named_parameters()})
            seen["subjects"] = list(self._targets)
            seen["scores"] = branch_scores(network.head, self._fused[1], widths, target)

    network, target = teacher_of_two_branches(), torch.tensor([0, 1, 1, 0, 1])
    widths = [branch.width for branch in network.branches.values()]
    set_modes({"teacher": network}, ["teacher"])
    task = load_catalog().entry("task_loss", "cross_entropy").component
    loss = task(task.Config(), output=None, training=None)
    model = DistillationModel({"teacher": network}, Objective([Term(loss, label="t", on="teacher")]), ["teacher"])
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    callback = Watch(OnTheFlyModulation.Config(**settings))
    trainer = Trainer(model, optimizer, fabric=Fabric(accelerator="cpu", devices=1), callbacks=[callback])
    inputs = {name: torch.randn(5, 3) for name in "ab"}
    present = dict.fromkeys("ab", torch.ones(5, dtype=torch.bool))
    trainer.fit(lambda _epoch: [Batch(inputs, present, tuple("vwxyz"), target, labelled)], 1)
    if labelled is None:
        seen.pop("subjects")
    return seen


def test_the_dominant_branch_is_slowed_down_and_nothing_else_changes():
    seen = gradients_with(alpha=0.5, noise=False)
    scores = seen.pop("scores")
    factors = dict(zip("ab", coefficients(scores, 0.5), strict=True))
    assert min(factors.values()) < 1 == max(factors.values())
    for name, (before, after) in seen.items():
        _, _, branch = name.partition("branches.")
        factor = factors[branch[0]] if branch and before.ndim > 1 else 1.0
        torch.testing.assert_close(after, before * factor)


def test_noise_has_the_spread_of_the_gradient():
    seen = gradients_with(alpha=0.0, noise=True)
    seen.pop("scores")
    for name, (before, after) in seen.items():
        changed = "branches" in name and before.ndim > 1
        assert torch.equal(before, after) != changed
        if changed:
            assert float((after - before).std() / before.std()) == pytest.approx(1, abs=0.5)


def test_without_slowing_and_noise_nothing_changes():
    seen = gradients_with(alpha=0.0, noise=False)
    seen.pop("scores")
    assert all(torch.equal(before, after) for before, after in seen.values())


def test_outside_of_its_epochs_nothing_changes():
    seen = gradients_with(alpha=0.5, begin=2)
    seen.pop("scores")
    assert all(torch.equal(before, after) for before, after in seen.values())


def test_subjects_without_a_label_do_not_count():
    labelled = torch.tensor([True, True, False, True, False])
    assert gradients_with(labelled=labelled, alpha=0.5, noise=False)["subjects"] == ["v", "w", "y"]


def test_a_network_without_branches_is_refused():
    network = Point()
    set_modes({"student": network}, ["student"])
    model = DistillationModel({"student": network}, Objective([Term(Along((1.0, 0.0)), label="t", on="student")]), [])
    trainer = Trainer(
        model,
        torch.optim.SGD(network.parameters(), lr=1.0),
        fabric=Fabric(accelerator="cpu", devices=1),
        callbacks=[OnTheFlyModulation(OnTheFlyModulation.Config(network="student"))],
    )
    with pytest.raises(SettingsError, match="use multibranch"):
        trainer.fit(lambda _epoch: [], 1)
