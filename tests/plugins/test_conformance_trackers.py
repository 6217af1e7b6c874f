"""The bundled trackers pass the suite that every plugin's author can inherit."""

import pytest

from xdistill.testing import TrackerConformance
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
