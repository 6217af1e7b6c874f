import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from tasks.toy_regression import ToyRegression
from xdistill.errors import SettingsError
from xdistill.stats.metrics import METRICS
from xdistill.tasks import Classification, as_task, read_task
from xdistill.types import ModalitySpec, OutputSpec, Schema

TASK = Classification(("a", "b", "c"))
TARGETS = np.array([0, 2, 2, 0, 2])


def test_predictions_are_class_probabilities():
    logits = torch.tensor([[0.0, math.log(2), 0.0], [1000.0, 0.0, 0.0]], dtype=torch.float64)
    assert torch.allclose(TASK.predict(logits), torch.tensor([[0.25, 0.5, 0.25], [1, 0, 0]], dtype=torch.float64))
    assert (TASK.outputs, TASK.columns) == (3, ("p_a", "p_b", "p_c"))
    assert Classification.from_columns(["p_a", "p_b", "p_c"]) == TASK
    for columns in (["p_a"], ["p_a", "p_a"], ["p_a", "b"]):
        with pytest.raises(ValueError, match="a column p_<class>"):
            Classification.from_columns(columns)


def test_subjects_of_each_class():
    assert TASK.counts(TARGETS) == {"a": 2, "b": 0, "c": 3}
    assert TASK.absent(TARGETS) == ("b",)
    assert TASK.absent(TARGETS[:0]) == ("a", "b", "c")
    assert TASK.strata(TARGETS).tolist() == [0, 2, 2, 0, 2]
    assert TASK.constant_prediction(TARGETS).tolist() == [0.4, 0, 0.6]
    assert TASK.sample_targets(4).tolist() == [0, 1, 2, 0]


def test_the_validation_loss_is_the_mean_negative_log_probability():
    predictions = np.array([[0.5, 0.25, 0.25], [0.25, 0.25, 0.5], [0.75, 0.25, 0.0]])
    loss = TASK.validation_loss(predictions, np.array([0, 1, 2]))
    assert loss == pytest.approx((math.log(2) + math.log(4) + 12 * math.log(10)) / 3)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([0.5, 0.25, 0.25], ""),
        ([0.5, 0.25, 0.2505], ""),  # rounded
        ([0.5, 0.25, 0.3], "sum to 1, but sum to 1.05"),
        ([1.5, -0.25, -0.25], "negative: -0.25"),
        ([math.nan, 0.5, 0.5], "not finite"),
    ],
)
def test_what_can_be_a_prediction(values, problem):
    found = TASK.prediction_problem(values)
    assert problem in found
    assert bool(found) == bool(problem)


def test_what_can_be_a_target():
    assert not any(map(TASK.target_problem, (0, 2, np.int64(1))))
    assert all(map(TASK.target_problem, (3, -1, 0.5, (1, 1), math.nan)))
    assert TASK.target_problem(3) == "target 3 is not an index into the classes ['a', 'b', 'c']"
    assert [TASK.target_text(target) for target in (0, np.int64(2))] == ["a", "c"]
    assert TASK.parse_target("c") == 2
    with pytest.raises(ValueError, match="'d' is not one of the classes a, b, c"):
        TASK.parse_target("d")


def test_what_can_be_the_classes():
    assert TASK.problem() == ""
    assert "at least two are needed" in Classification(("a",)).problem()
    assert Classification(("a", "b", "a")).problem() == "the class 'a' occurs twice"


def test_every_named_metric_exists():
    binary = Classification(("no", "yes"))
    of_two = {"sensitivity", "specificity", "ppv", "npv"}
    # Their order is that of a record's summary.
    assert [score.name for score in binary.scores] == list(METRICS)[: len(binary.scores)]
    assert [score.name for score in TASK.scores] == [score.name for score in binary.scores if score.name not in of_two]
    for task in (TASK, binary):
        assert task.primary in METRICS
        assert set(task.table) <= {score.name for score in task.scores}
        assert {score.name for score in task.scores if not score.higher_is_better} == {"brier", "ece"}


def test_two_classes_have_an_auc_and_more_have_pairs():
    titles = [
        next(score.title for score in task.scores if score.name == task.primary)
        for task in (TASK, Classification(("no", "yes")))
    ]
    assert titles == ["Macro OvO AUC", "AUC"]
    assert Classification(("no", "yes")).table[:5] == ("auc_ovo", "sensitivity", "specificity", "ppv", "npv")


def test_files_of_a_classification_hold_what_they_held_before_there_were_tasks():
    schema = Schema({"table": ModalitySpec("vector", (2,))}, ("no", "yes"))
    assert list(schema.to_json()) == ["classes", "modalities"]
    assert schema.to_json()["classes"] == ["no", "yes"]
    assert Schema.from_json(schema.to_json()) == schema
    assert {**TASK.entries(), **TASK.summary(TARGETS)} == {
        "classes": ["a", "b", "c"],
        "class_counts": {"a": 2, "b": 0, "c": 3},
    }
    assert read_task({"task": TASK.to_json()}) == read_task(TASK.entries()) == as_task(("a", "b", "c")) == TASK


def test_a_schema_has_classes_or_a_task():
    modalities = {"table": ModalitySpec("vector", (2,))}
    assert Schema(modalities, ["a", "b", "c"]) == Schema(modalities, task=TASK) == Schema(modalities, classes="abc")
    assert replace(Schema(modalities, task=TASK), classes=("x", "y")).classes == ("x", "y")
    with pytest.raises(TypeError, match="`classes` or a `task`"):
        Schema(modalities)
    with pytest.raises(SettingsError, match="regression of age, which has no classes"):
        _ = Schema(modalities, task=ToyRegression("age")).classes


def test_the_old_name_of_the_width_of_outputs():
    with pytest.warns(DeprecationWarning, match="use `outputs`"):
        old = OutputSpec(classes=3, features={"x": (2,)})
    assert old == OutputSpec(3, {"x": (2,)})
    with pytest.warns(DeprecationWarning, match="use `outputs`"):
        assert old.classes == 3
    with pytest.raises(TypeError, match="needs `outputs`"):
        OutputSpec()
