"""The bundled trackers and the callback beside them pass the suites that every author of a plugin can inherit."""

import pytest
import torch

from xdistill.testing import CallbackConformance, TrackerConformance
from xdistill.testing.helpers.training import toy_trainer, train
from xdistill_trackers.gradient_norm import GradientNorm
from xdistill_trackers.mlflow_store import MLflow
from xdistill_trackers.tensorboard_files import TensorBoard


class TestTensorBoard(TrackerConformance):
    component = TensorBoard

    @pytest.fixture(autouse=True)
    def needs(self):
        pytest.importorskip("tensorboard")


class TestMLflow(TrackerConformance):
    component = MLflow

    @pytest.fixture(autouse=True)
    def needs(self):
        pytest.importorskip("mlflow")

    def settings_in(self, folder):
        return {"store": str(folder / "mlruns")}


class TestGradientNorm(CallbackConformance):
    component = GradientNorm


def test_the_norm_of_each_trained_network_is_averaged_over_the_steps_of_an_epoch():
    """By hand: (3, 4) has the norm 5, and (0, 0) with 12 has 12, on average 8.5; the teacher is frozen."""
    callback = GradientNorm()
    trainer = toy_trainer([callback])
    student = torch.nn.Linear(2, 1)
    trainer.model.networks["student"] = student
    trainer.model.networks["teacher"].module.weight.grad = torch.ones(3, 5)  # left from a stage that trained it
    for epoch in ("first", "second"):
        logs = {"total": 1.0}
        callback.on_epoch_begin(trainer)
        for weight, bias in (([[3.0, 4.0]], [0.0]), ([[0.0, 0.0]], [12.0])):
            student.weight.grad, student.bias.grad = torch.tensor(weight), torch.tensor(bias)
            callback.on_backward_end(trainer)
        callback.on_epoch_end(trainer, logs)
        assert logs == {"total": 1.0, "gradient_norm.student": 8.5}, epoch


def test_the_norm_is_that_of_the_gradient_that_the_optimiser_gets():
    trainer = toy_trainer([GradientNorm()])
    student = trainer.model.networks["student"].module
    before = student.weight.detach().clone()
    (row,) = train(trainer, until=1)
    assert set(row) == {"stage", "epoch", "lr", "total", "cross_entropy_loss", "distance", "gradient_norm.student"}
    moved = float((student.weight.detach() - before).norm())
    assert 0 < moved <= 0.1 * 2 * row["gradient_norm.student"] + 1e-6, "two steps with the rate 0.1"


def test_gradients_arrive_without_the_loss_scale():
    """The trainer unscales before the callback is called: whatever the scale, the figure is the same."""
    plain, scaled = toy_trainer([GradientNorm()]), toy_trainer([GradientNorm()])

    class Scaler:
        def unscale_(self, optimizer):
            for parameter in optimizer.param_groups[0]["params"]:
                parameter.grad /= 1024

    scaled.fabric.strategy.precision.scaler = Scaler()
    scaled.fabric.backward = lambda loss: (1024 * loss).backward()
    (expected,), (row,) = train(plain, until=1), train(scaled, until=1)
    assert row["gradient_norm.student"] == pytest.approx(expected["gradient_norm.student"])
