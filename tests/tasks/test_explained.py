"""What explanations and answers of a task are about."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from xdistill.models.subject import Predicted
from xdistill.serving.answers import Prediction, answer
from xdistill.tasks import Classification, MultiLabel, Ordinal, Regression, Survival
from xdistill.tasks.ordinal import exceedance

FITTED = Regression(("hba", "crp"), ("%", ""), (6.0, 10.0), (2.0, 5.0))
LOGITS = torch.tensor([[0.5, -1.0]])


def test_regressions_are_explained_in_their_unit():
    assert FITTED.explained(LOGITS).tolist() == [[7.0, 5.0]]
    assert FITTED.in_words(np.array([7.0, 5.0])) == "hba 7 %; crp 5"
    assert FITTED.chosen(np.array([7.0, 5.0])) == 0


def test_grades_are_explained_by_the_logarithm_of_their_probability():
    task = Ordinal(("low", "middle", "high"))
    assert torch.allclose(task.explained(LOGITS).exp(), task.predict(LOGITS))
    assert task.chosen(np.array([0.4, 0.3, 0.3])) == 1  # the median, not the most probable grade


def test_others():
    assert Classification(("a", "b")).explained(LOGITS) is LOGITS
    labels = MultiLabel(("a", "b"))
    assert (labels.in_words(np.array([0.6, 0.7])), labels.in_words(np.zeros(2))) == ("a; b", "none")
    assert labels.chosen(np.array([0.6, 0.7])) == 1
    discrete = Survival("discrete", (1.0, 2.0))
    assert discrete.explainable == ("risk",)
    assert discrete.explained(LOGITS).tolist() == discrete.predict(LOGITS)[:, :1].tolist()
    assert discrete.in_words(np.array([0.52, 0.9, 0.8])) == "risk 0.52"


def test_exported_grades_are_the_same(monkeypatch):
    logits = torch.linspace(-2, 2, 12).reshape(4, 3)
    expected = exceedance(logits, "corn")
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)
    assert torch.allclose(exceedance(logits, "corn"), expected)


@pytest.mark.parametrize("task", [FITTED, MultiLabel(("hba", "crp"))])
def test_answers_over_http(task):
    model = SimpleNamespace(schema=SimpleNamespace(task=task))
    ends = ((1.0, float("inf")), (2.0, 3.0))
    found = answer(model, Predicted("1", probabilities=(0.7, 0.2), intervals=ends), 0.9)
    assert found.intervals == {"hba": (1.0, None), "crp": (2.0, 3.0)}
    assert found.predictions == dict(zip(task.columns, (0.7, 0.2), strict=True))
    assert found.probabilities == ({"hba": 0.7, "crp": 0.2} if task.probabilistic else None)
    assert found.units == ({} if task.probabilistic else {"predicted_hba": "%"})


def test_answers_with_a_class():
    model = SimpleNamespace(schema=SimpleNamespace(task=Classification(("a", "b"))))
    found = answer(model, Predicted("1", "b", (0.4, 0.6), classes=("b",)), 0.8)
    assert isinstance(found, Prediction)
    assert (found.probabilities, found.set, found.level) == ({"a": 0.4, "b": 0.6}, ["b"], 0.8)
