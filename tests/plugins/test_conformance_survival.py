"""The task of survival, with both methods, and its estimator pass their suites."""

import pytest
import torch
from sksurv.metrics import concordance_index_censored

from xdistill.errors import SettingsError
from xdistill.targets.survival import ReadSurvival
from xdistill.testing import EstimatorConformance, TaskReaderConformance
from xdistill_baselines.ridge import CoxRegression

LABELS = {
    "label": ["x"] * 8,
    "days": ["1", "2.5", "3", "4", "5", "6", "7", "8"],
    "died": ["1", "0", "yes", "no", "True", "1.0", "0", "1"],
}


class TestCox(TaskReaderConformance):
    component = ReadSurvival
    settings = {"time": "days", "event": "died"}
    labels = LABELS
    refused = {**LABELS, "days": ["0", *LABELS["days"][1:]]}


class TestDiscrete(TaskReaderConformance):
    component = ReadSurvival
    settings = {"time": "days", "event": "died", "method": "discrete", "bins": 3, "unit": "days"}
    labels = LABELS
    refused = {**LABELS, "died": ["dead", *LABELS["died"][1:]]}


class TestCoxRegression(EstimatorConformance):
    component = CoxRegression
    outputs = 1
    learns = False  # of classes

    def training(self, *, seed=0):
        generator = torch.Generator().manual_seed(seed)
        vectors = torch.randn((60, self.inputs), generator=generator)
        times = torch.exp(-2 * vectors[:, 0].double()) * (0.5 + torch.rand(60, generator=generator).double())
        return vectors, torch.stack([times, (torch.arange(60) % 4 > 0).double()], dim=1)

    def test_it_ranks_the_risks(self):
        vectors, target = self.training(seed=1)
        risks = self.evaluated(self.built(), vectors)["logits"][:, 0].double().numpy()
        assert concordance_index_censored(target[:, 1].numpy() == 1, target[:, 0].numpy(), risks)[0] > 0.9

    def test_discrete_time_is_refused(self):
        estimator = CoxRegression(CoxRegression.Config(), inputs=self.inputs, classes=3)
        with pytest.raises(SettingsError, match=r"set `task.method: cox`"):
            estimator.fit(*self.training(), seed=0)
