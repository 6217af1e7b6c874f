"""A second task, to see what works without classes; importable, so that worker processes find it too."""

from dataclasses import dataclass

import numpy as np
import torch

from xdistill.interfaces.component import Settings
from xdistill.interfaces.dataset import Dataset, DatasetFacts, SubjectRow
from xdistill.tasks import Task
from xdistill.types import ModalitySpec, Schema


@dataclass(frozen=True)
class ToyRegression(Task):
    """One number per subject; the network predicts it and a spread."""

    name: str

    kind = "toy_regression"
    target_dtype = "float64"

    @property
    def names(self):
        return (self.name,)

    @property
    def outputs(self):
        return 2

    @property
    def columns(self):
        return (f"mean_{self.name}", f"sd_{self.name}")

    def describe(self):
        return f"regression of {self.name}"

    def problem(self):
        return "" if self.name else "the target of a regression needs a name"

    def to_json(self):
        return {"kind": self.kind, "name": self.name}

    @classmethod
    def from_json(cls, data):
        return cls(data["name"])

    def target_problem(self, target):
        return "" if np.isfinite(target) else f"target {target} is not finite"

    def target_text(self, target):
        return repr(float(target))

    def parse_target(self, text):
        return float(text)

    def sample_targets(self, subjects):
        return torch.arange(subjects) / 2

    def predict(self, logits):
        return torch.stack([logits[:, 0], logits[:, 1].exp()], dim=1)

    def prediction_problem(self, values):
        return (
            "" if np.isfinite(values).all() and values[1] > 0 else "a prediction is not finite, or its sd not above 0"
        )

    def constant_prediction(self, targets):
        return np.array([targets.mean(), targets.std()])

    def validation_loss(self, predictions, targets):
        return float(((predictions[:, 0] - targets) ** 2).mean())


class ToyAges(Dataset):
    """Twelve subjects, whose target is half their row."""

    name = "toy_ages"

    class Config(Settings):
        pass

    def __init__(self, config):
        self.config = config

    def schema(self):
        return Schema({"blood": ModalitySpec("vector", (2,))}, task=ToyRegression("age"))

    def index(self):
        return [SubjectRow(f"s{row:02}", f"p{row:02}", row / 2) for row in range(12)]

    def load(self, row):
        return {"blood": np.array([row, 1.0])}

    def facts(self):
        return DatasetFacts("Toy ages", synthetic=True)
