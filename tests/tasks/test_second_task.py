"""What a task without classes can do today: cohort files, splits, networks, predictions, metrics."""

import math

import numpy as np
import pytest
import torch

from tasks.toy_regression import ToyAges, ToyRegression
from xdistill.data import build_cohort, make_splits, open_cohort, verify_cohort
from xdistill.data.index import check_index
from xdistill.errors import DataError, PluginError, RunError
from xdistill.interfaces.component import Choice, Settings
from xdistill.interfaces.dataset import SubjectRow
from xdistill.interfaces.loss import TrainingFacts
from xdistill.interfaces.network import Student
from xdistill.recipe.schema.crossval import Crossval
from xdistill.recipe.schema.recipe import CacheRecipe
from xdistill.stats import (
    FoldPredictions,
    Method,
    Predictions,
    align,
    fold_metrics,
    read_predictions,
    summarise,
    write_predictions,
)
from xdistill.tasks import read_task
from xdistill.training.shapes import output_spec
from xdistill.types import ModalitySpec, Output, OutputSpec, Schema

TASK = ToyRegression("age")
SCHEMA = Schema({"blood": ModalitySpec("vector", (2,))}, task=TASK)
FOLDS = tuple(
    FoldPredictions(
        "student",
        0,
        fold,
        (f"s{fold}", f"t{fold}"),
        np.array([1.5, 2.0 + fold]),
        np.array([[1.0, 0.5], [2.0 + fold, 0.25]]),
    )
    for fold in range(2)
)


def rmse(target, predictions, names):
    assert names == ("age",)
    return float(np.sqrt(((predictions[:, 0] - target) ** 2).mean()))


def test_schemas_as_json():
    written = SCHEMA.to_json()
    assert written["task"] == {"kind": "toy_regression", "name": "age"}
    assert "classes" not in written
    assert Schema.from_json(written) == SCHEMA
    with pytest.raises(ValueError, match=r"unknown task 'ranking'; valid tasks: classification, .*toy_regression"):
        read_task({"task": {"kind": "ranking"}})


def test_cohort_files_hold_targets_of_the_task(tmp_path):
    choice = Choice(ToyAges, ToyAges.Config())
    path = build_cohort(choice, CacheRecipe(), directory=tmp_path, workers=1)
    cohort = open_cohort(path)
    assert cohort.schema.task == TASK
    assert cohort.targets.tolist() == [row / 2 for row in range(12)]
    cohort.close()
    assert verify_cohort(path) == []


def test_an_index_is_checked_by_the_task():
    check_index([SubjectRow("a", "p", 0.5)], SCHEMA)
    with pytest.raises(DataError, match="subject 'a': target nan is not finite"):
        check_index([SubjectRow("a", "p", math.nan)], SCHEMA)


def test_splits_are_not_stratified_and_need_no_classes():
    subjects = [f"s{row}" for row in range(10)]
    patients = [f"p{row // 2}" for row in range(10)]
    splits = make_splits(subjects, patients, np.linspace(0, 1, 10), TASK, Crossval(folds=5), "print")
    assert sorted(len(split.test) for split in splits) == [2] * 5
    assert sorted(subject for split in splits for subject in split.test) == subjects
    # Without strata the targets do not decide who is tested with whom.
    assert splits == make_splits(subjects, patients, np.zeros(10), TASK, Crossval(folds=5), "print")
    with pytest.raises(DataError, match="the cohort has 5 patients, but each of the 6 folds needs at least one"):
        make_splits(subjects, patients, np.zeros(10), TASK, Crossval(folds=6), "print")


def test_a_network_has_the_outputs_of_the_task():
    class Net(Student):
        name = "net"
        inputs = ("blood",)

        def __init__(self, width):
            super().__init__(Settings(), schema=SCHEMA)
            self.head = torch.nn.Linear(2, width)

        def forward(self, batch):
            return Output(self.head(batch.inputs["blood"]))

    assert output_spec(Net(SCHEMA.task.outputs), SCHEMA, device="cpu") == OutputSpec(2)
    with pytest.raises(PluginError, match=r"\(2, 3\) for 2 subjects; expected \(2, 2\) for regression of age"):
        output_spec(Net(3), SCHEMA, device="cpu")
    assert TrainingFacts.of(SCHEMA, np.array([0.5, 1.0])).class_counts == ()


def test_predictions_of_another_width(tmp_path):
    path = tmp_path / "predictions.csv"
    write_predictions(path, Predictions(TASK, FOLDS[:1]))
    assert path.read_text() == (
        "role,repeat,fold,subject,target,mean_age,sd_age\nstudent,0,0,s0,1.5,1.0,0.5\nstudent,0,0,t0,2.0,2.0,0.25\n"
    )
    (fold,) = read_predictions(path, TASK).folds
    assert fold.target.tolist() == [1.5, 2.0]
    assert fold.probabilities.tolist() == [[1.0, 0.5], [2.0, 0.25]]
    with pytest.raises(RunError, match="csv:1: no predictions: a column p_<class>"):
        read_predictions(path)
    with pytest.raises(RunError, match="csv:1: no predictions of this task: the columns must be mean_size,sd_size"):
        read_predictions(path, ToyRegression("size"))
    path.write_text(path.read_text().replace("0.25", "-0.25"))
    with pytest.raises(RunError, match="csv:3: not a row of predictions: a prediction is not finite, or its sd"):
        read_predictions(path, TASK)


def test_metrics_get_the_names_of_the_targets():
    assert fold_metrics(FOLDS[0], TASK, {"rmse": rmse}) == {"rmse": pytest.approx(math.sqrt(0.125))}
    summary = summarise(Predictions(TASK, FOLDS), {"rmse": rmse})["student"]
    assert list(summary) == ["rmse"]
    assert summary["rmse"].folds == pytest.approx((math.sqrt(0.125), math.sqrt(0.125)))


def test_methods_side_by_side_are_resampled_without_strata():
    sizes = {(0, 0): 4, (0, 1): 4}
    one, two = (Method(name, "f", "s", sizes, (Predictions(TASK, FOLDS),)) for name in ("one", "two"))
    first, _ = align([one, two])
    assert first.strata is None
    assert first.target.tolist() == [1.5, 2.0]
