"""Predictions batch by batch: every subject once, in order, whatever the size of the batches."""

from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from xdistill.errors import NonFiniteLossError
from xdistill.tasks.classification import Classification
from xdistill.training.evaluate import predict
from xdistill.types import Batch, Output

FABRIC = SimpleNamespace(autocast=nullcontext)
COHORT = SimpleNamespace(subjects=tuple("abcdefg"))
TRANSFORMS = SimpleNamespace(schema=SimpleNamespace(task=Classification(("no", "yes"))))


class Logit(nn.Module):
    """The number of a subject is the log odds of its second class."""

    name, inputs = "logit", ("number",)

    def forward(self, batch):
        assert not self.training
        number = batch.inputs["number"]
        return Output(logits=torch.stack([torch.zeros_like(number), number], dim=1))


class Numbers:
    """A source whose subjects have the numbers of their rows."""

    cohort, transforms = COHORT, TRANSFORMS

    def __init__(self):
        self.sizes = []

    def batch(self, rows, modalities, *, target):
        assert (modalities, target) == (("number",), False)
        self.sizes.append(len(rows))
        subjects = tuple(COHORT.subjects[row] for row in rows)
        return Batch(inputs={"number": torch.from_numpy(rows).float()}, present={}, subjects=subjects)


@pytest.mark.parametrize(("size", "sizes"), [(2, [2, 2, 1]), (5, [5]), (32, [5])])
def test_every_subject_is_predicted_once_and_in_order(size, sizes):
    source, rows, network = Numbers(), np.array([6, 0, 2, 5, 1]), Logit().train()
    found = predict(network, source, rows, fabric=FABRIC, prepare=lambda batch: batch, batch_size=size)
    np.testing.assert_allclose(found[:, 1], 1 / (1 + np.exp(-rows)), rtol=1e-6)
    assert source.sizes == sizes
    assert network.training, "as it was before"


def test_predictions_that_are_not_finite_name_their_subjects():
    def spoilt(batch):
        lost = torch.tensor([name in {"c", "f"} for name in batch.subjects])
        return Batch(inputs={"number": batch.inputs["number"].masked_fill(lost, torch.inf)}, present={}, subjects=())

    with pytest.raises(NonFiniteLossError, match=r"not finite for 2 of 5 subjects \(c, f\); training diverged"):
        predict(Logit(), Numbers(), np.array([6, 0, 2, 5, 1]), fabric=FABRIC, prepare=spoilt, batch_size=2)
