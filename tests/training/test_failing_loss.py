"""A loss that raises: one message with the term and the author's own line, and memory is not blamed on it."""

from types import SimpleNamespace

import pytest
import torch

from xdistill.errors import PluginError
from xdistill.interfaces import Settings
from xdistill.interfaces.loss import TaskLoss
from xdistill.training.objective import Term
from xdistill.types import Batch, Output


class Broken(TaskLoss):
    """Fails as its author asks."""

    name = "broken"
    problem: Exception | None = None

    def forward(self, output, batch):
        if self.problem is not None:
            raise self.problem
        return output.feature.sum()


def term(problem=None):
    loss = Broken(Settings(), output=SimpleNamespace(), training=SimpleNamespace())
    loss.problem = problem
    return Term(loss, label="broken:student", on="student")


def value(problem=None):
    batch = Batch(inputs={}, present={}, subjects=("a",), target=torch.tensor([0]))
    return term(problem)({"student": Output(logits=torch.zeros(1, 2))}, batch)


def test_the_term_and_the_authors_line_are_named():
    with pytest.raises(PluginError) as caught:
        value()
    text = str(caught.value)
    assert "the loss 'broken' (term 'broken:student') failed with AttributeError" in text
    assert "test_failing_loss.py, line" in text
    assert isinstance(caught.value.__cause__, AttributeError)


def test_what_is_a_message_already_stays_it():
    with pytest.raises(PluginError, match=r"^my own words$"):
        value(PluginError("my own words"))


@pytest.mark.parametrize("problem", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_memory_is_explained_elsewhere(problem):
    with pytest.raises(type(problem)):
        value(problem)
