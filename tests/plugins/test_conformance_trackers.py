"""The bundled trackers and the callback beside them pass the suites that every author of a plugin can inherit."""

import pytest
import torch

from xdistill.testing import CallbackConformance, TrackerConformance
from xdistill.testing.helpers.training import ToyTrainer
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
    trainer = ToyTrainer([callback])
    student = torch.nn.Linear(2, 1)
    trainer.model.networks["student"] = student
    trainer.model.networks["teacher"].weight.grad = torch.ones(3, 5)  # left from a stage that trained it
    for epoch in ("first", "second"):
        logs = {"total": 1.0}
        callback.on_epoch_begin(trainer)
        for weight, bias in (([[3.0, 4.0]], [0.0]), ([[0.0, 0.0]], [12.0])):
            student.weight.grad, student.bias.grad = torch.tensor(weight), torch.tensor(bias)
            callback.on_backward_end(trainer)
        callback.on_epoch_end(trainer, logs)
        assert logs == {"total": 1.0, "gradient_norm.student": 8.5}, epoch


def test_the_norm_is_that_of_the_gradient_that_the_optimiser_gets():
    trainer = ToyTrainer([GradientNorm()])
    before = trainer.model.networks["student"].weight.detach().clone()
    (row,) = trainer.fit_until(1)
    assert set(row) == {"stage", "epoch", "lr", "total", "gradient_norm.student"}
    moved = float((trainer.model.networks["student"].weight.detach() - before).norm())
    assert 0 < moved <= 0.1 * 2 * row["gradient_norm.student"] + 1e-6, "two steps with the rate 0.1"
