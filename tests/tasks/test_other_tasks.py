"""Regression, ordinal and multi-label: values by hand, labels that cannot be read, and recipes that do not fit."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from xdistill.errors import RecipeError
from xdistill.experiment.assemble import assemble
from xdistill.interfaces import LabelsError, LabelTable
from xdistill.recipe.load import as_loaded
from xdistill.recipe.schema.recipe import Recipe
from xdistill.stats import LOWER_IS_BETTER, METRICS
from xdistill.stats.tasks.resampled import RESAMPLED_TASKS
from xdistill.targets.multi_label import ReadMultiLabel
from xdistill.targets.regression import ReadRegression
from xdistill.tasks import MultiLabel, Ordinal, Regression, known_scores

RECIPE = {
    "name": "tests/regression",
    "data": {"use": "diabetes"},
    "task": {"use": "regression", "targets": ["progression"], "units": {"progression": "points"}},
    "transforms": [{"use": "tabular", "modality": "examination"}, {"use": "tabular", "modality": "serum"}],
    "teacher": {"use": "mlp", "inputs": ["examination", "serum"], "hidden": [4]},
    "student": {"use": "mlp", "inputs": ["examination"], "hidden": [4]},
    "stages": [
        {
            "name": "joint",
            "train": ["teacher", "student"],
            "epochs": 1,
            "objective": [{"use": "auto", "on": "teacher"}, {"use": "auto"}, {"use": "teacher_bounded"}],
        }
    ],
}


def test_a_regression_is_standardised_by_the_training_subjects():
    task = Regression(("a", "b"), ("kg", "")).fitted(np.array([[1.0, 5.0], [3.0, 5.0]]))
    assert (task.center, task.scale) == ((2.0, 5.0), (1.0, 1.0))  # a target without spread keeps its scale
    assert task.encoded(np.array([[4.0, 6.0]])).tolist() == [[2.0, 1.0]]
    assert task.predict(torch.tensor([[2.0, 1.0]])).tolist() == [[4.0, 6.0]]
    assert Regression(("a", "b"), ("kg", "")).restored(task.state()) == task
    with pytest.raises(ValueError, match="not those of regression of a"):
        Regression(("a",)).restored(task.state())


def test_a_regression_is_stratified_by_bins_of_equal_counts():
    strata = Regression(("a",)).strata(np.arange(50.0)[:, None])
    assert np.bincount(strata).tolist() == [10] * 5
    assert Regression(("a",)).strata(np.arange(19.0)[:, None]) is None


@pytest.mark.parametrize(
    ("link", "wanted"),
    [
        ("corn", [0.5, 0.25, 0.25]),  # P(y > 0) = 1/2, and 1/2 of these exceed the next
        ("cumulative_link", [0.5, 0.5 - 1 / 3, 1 / 3]),  # the second logit is 0 - log 2
    ],
)
def test_grades_from_logits(link, wanted):
    task = Ordinal(("low", "middle", "high"), link)
    found = task.predict(torch.zeros(1, 2, dtype=torch.float64))
    assert found[0].tolist() == pytest.approx(wanted)
    assert task.logits_of(found.numpy())[0].tolist() == pytest.approx([0, 0], abs=1e-6)
    assert task.predicted(np.array([[0.4, 0.3, 0.3], [0.9, 0.1, 0.0]])).tolist() == [1, 0]


def test_rare_sets_of_labels_are_one_stratum():
    task = MultiLabel(("a", "b"))
    targets = np.array([[0, 0]] * 12 + [[1, 0]] * 11 + [[1, 1]] * 10 + [[0, 1]] * 2)
    assert np.bincount(task.strata(targets)).tolist() == [14, 11, 10]  # two are too few for a stratum of their own
    assert task.absent(targets[:12]) == ("a", "b")
    assert task.validation_loss(np.array([[0.5, 0.5]]), np.array([[1, 0]])) == pytest.approx(math.log(2))


def test_the_directions_of_metrics_are_those_of_the_tasks():
    known = known_scores()
    assert {name for name, score in known.items() if not score.higher_is_better} == LOWER_IS_BETTER
    assert set(known) <= set(METRICS)


@pytest.mark.parametrize("metric", sorted(set(RESAMPLED_TASKS) & set(METRICS) - {"concordance", "time_dependent_auc"}))
def test_resampling_is_the_metric_of_repeated_subjects(metric):
    generator = np.random.default_rng(0)
    if metric in {"mae", "rmse", "r2", "pearson"}:
        target, predictions, names = generator.normal(size=(12, 2)), generator.normal(size=(12, 2)), ("a", "b")
    elif metric.startswith(("label", "exact")):
        target, predictions, names = generator.integers(2, size=(12, 2)), generator.random((12, 2)).round(1), ("a", "b")
    else:
        target, predictions, names = np.arange(12) % 3, generator.dirichlet((1, 1, 1), 12), ("a", "b", "c")
    counts = generator.integers(0, 3, size=(12, 4)).astype(float)
    found = RESAMPLED_TASKS[metric](target, predictions, counts)
    for value, column in zip(found, counts.T, strict=True):
        rows = np.repeat(np.arange(12), column.astype(int))
        assert value == pytest.approx(METRICS[metric](target[rows], predictions[rows], names))


def test_what_is_wrong_with_numbers_is_one_message_per_cause():
    table = LabelTable({"crp": ["1", "high", "", "5,2", "3"]}, "crp", [2, 3, 4, 5, 6])
    with pytest.raises(LabelsError) as caught:
        ReadRegression(ReadRegression.Config()).read(table)
    assert caught.value.problems == (
        "column 'crp': label is missing (line 4)",
        "column 'crp': 2 values are not a number, such as 'high' (lines 3 and 5)",
    )


def test_lists_with_another_separator_say_which_to_set():
    reader = ReadMultiLabel(ReadMultiLabel.Config(labels=("a", "b"), column="found"))
    assert reader.read(LabelTable({"found": ["a;b", "none", "b"]}, "label")).targets == ((1, 1), (0, 0), (0, 1))
    with pytest.raises(LabelsError, match=r"unknown label 'a,b' \(line 1\); set `task.separator: ','`"):
        reader.read(LabelTable({"found": ["a,b", "b"]}, "label"))


def test_auto_is_the_default_loss_and_a_loss_of_classes_does_not_fit(catalog):
    experiment = assemble(as_loaded(RECIPE), catalog)
    (stage,) = experiment.resolved()["stages"]
    assert [term["use"] for term in stage["objective"]] == ["mse", "mse", "teacher_bounded"]
    assert experiment.resolved()["task"]["targets"] == ["progression"]
    assert "task" not in experiment.resolved()["data"]
    wrong = {**RECIPE, "stages": [{**RECIPE["stages"][0], "objective": [{"use": "auto"}, {"use": "kd"}]}]}
    with pytest.raises(RecipeError, match=r"objective.1.use: `kd` is a loss for classification.* that fit: `distrib"):
        assemble(as_loaded(wrong), catalog)
    with pytest.raises(RecipeError, match="the data set `findings` states its task itself"):
        assemble(as_loaded({**RECIPE, "data": {"use": "findings"}, "transforms": []}), catalog)
    fitted = {"use": "fitted", "inputs": ["examination"], "estimator": {"use": "random_forest"}}
    with pytest.raises(
        RecipeError, match=r"`random_forest` is an estimator for classification.* that fit: `boosted_re"
    ):
        assemble(as_loaded({**RECIPE, "teacher": fitted}), catalog)


def test_an_estimator_of_grades_has_one_link(catalog):
    grades = {
        **RECIPE,
        "data": {"use": "hcc_phantom", "subjects": 30, "shape": [8, 16, 16]},
        "task": {"use": "ordinal", "classes": ["M0", "M1", "M2"], "link": "cumulative_link"},
        "transforms": [],
        "teacher": None,
        "student": {"use": "fitted", "inputs": ["clinical"], "estimator": {"use": "logistic_regression"}},
        "stages": [{"name": "fit", "fit": ["student.estimator"]}],
    }
    with pytest.raises(RecipeError, match=r"`logistic_regression` has the link corn, .*; set `task.link: corn`"):
        assemble(as_loaded(grades), catalog)


def test_the_default_task_leaves_no_trace():
    plain = {name: value for name, value in RECIPE.items() if name != "task"}
    dumps = [
        Recipe.model_validate({**plain, **more}).model_dump() for more in ({}, {"task": {"use": "classification"}})
    ]
    assert dumps[0] == dumps[1]
    assert "task" not in dumps[0]


def test_a_run_of_several_targets_has_a_page_with_their_figures(tmp_path):
    import xdistill

    rows = [f"s{row},{row % 7},{row % 5},{row % 7 + row / 10},{row % 5 - row / 20}" for row in range(24)]
    (tmp_path / "c.csv").write_text("\n".join(["subject,x,y,a,b", *rows]))
    result = xdistill.run(
        {
            "name": "tests/several",
            "data": {"use": "manifest", "path": str(tmp_path / "c.csv")},
            "task": {"use": "regression", "targets": ["a", "b"], "units": {"a": "kg"}},
            "transforms": [{"use": "tabular", "modality": "clinical"}],
            "student": {"use": "mlp", "inputs": ["clinical"], "hidden": []},
            "stages": [{"name": "student", "train": ["student"], "epochs": 1, "objective": [{"use": "auto"}]}],
            "crossval": {"folds": 2},
        },
        runs=tmp_path / "runs",
        cache=tmp_path / "cache",
    )
    assert set(result.metrics["student"]) == {"r2", "pearson", "mae:a", "mae:b", "rmse:a", "rmse:b", "r2:a", "r2:b"}
    page = Path(result.folder.report).read_text()
    assert all(text in page for text in ("Predicted against true", "Residuals", "Each target", "a (kg)"))


def test_a_target_beyond_float32_is_refused():
    task = Regression(("size", "age"))
    assert task.target_problem((1.0, -3e38)) == ""
    assert task.target_problem((1.0, -1e39)) == "the target 'age' is larger than float32 holds (3.4e+38)"
