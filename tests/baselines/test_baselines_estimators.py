"""What is fitted with scikit-learn answers as scikit-learn does, from tensors alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from sklearn.linear_model import LogisticRegression as Solver

from xdistill.errors import DataError, SettingsError
from xdistill.interfaces import Estimator
from xdistill.interfaces.component import choose

NAMES = ("logistic_regression", "linear_svm", "majority")


def subjects(classes, *, count=90, width=6, seed=0):
    """Vectors of very unequal scales whose classes differ in their means."""
    generator = np.random.default_rng(seed)
    target = np.arange(count) % classes
    means = generator.normal(size=(classes, width))
    scales, shifts = 10.0 ** np.arange(-2, width - 2), generator.normal(size=width) * 5
    vectors = (means[target] + generator.normal(size=(count, width))) * scales + shifts
    return torch.tensor(vectors, dtype=torch.float32), torch.tensor(target)


@pytest.fixture
def build_estimator(catalog):
    def make(block, *, inputs=6, classes=3):
        return choose(Estimator, block, catalog).build(inputs=inputs, classes=classes)

    return make


def fitted(estimator, *data, seed=0):
    estimator.fit(*data, seed=seed)
    return estimator


def probabilities(estimator, inputs):
    return torch.softmax(estimator(inputs).double(), dim=1).numpy()


def scaled(inputs):
    values = inputs.double().numpy()
    return (values - values.mean(axis=0)) / values.std(axis=0)


@pytest.mark.parametrize("classes", [2, 3, 4])
@pytest.mark.parametrize("settings", [{}, {"C": 0.05, "class_weight": "balanced"}])
def test_logistic_regression_is_that_of_scikit_learn(build_estimator, classes, settings):
    from sklearn.linear_model import LogisticRegression

    inputs, target = subjects(classes)
    ours = fitted(build_estimator({"use": "logistic_regression", **settings}, classes=classes), inputs, target)
    theirs = LogisticRegression(tol=1e-9, max_iter=10_000, **settings).fit(scaled(inputs), target.numpy())
    exact = LogisticRegression(tol=1e-6, max_iter=10_000, **settings)
    exact.fit(ours.standardised(inputs).double().numpy(), target.numpy())
    same = exact.predict_proba(ours.standardised(inputs).double().numpy())
    np.testing.assert_allclose(probabilities(ours, inputs), same, rtol=0, atol=1e-6)
    np.testing.assert_allclose(probabilities(ours, inputs), theirs.predict_proba(scaled(inputs)), rtol=0, atol=1e-4)


@pytest.mark.parametrize("classes", [2, 3, 4])
@pytest.mark.parametrize("settings", [{}, {"C": 0.05, "class_weight": "balanced"}])
def test_the_support_vector_machine_is_that_of_scikit_learn(build_estimator, classes, settings):
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.model_selection import StratifiedKFold
    from sklearn.svm import LinearSVC

    inputs, target = subjects(classes)
    ours = fitted(build_estimator({"use": "linear_svm", **settings}, classes=classes), inputs, target, seed=7)
    theirs = CalibratedClassifierCV(
        LinearSVC(dual=False, max_iter=10_000, random_state=7, **settings),
        cv=StratifiedKFold(5, shuffle=True, random_state=7),
        ensemble=False,
    )
    vectors = ours.standardised(inputs).double().numpy()
    theirs.fit(vectors, target.numpy())
    np.testing.assert_allclose(probabilities(ours, inputs), theirs.predict_proba(vectors), rtol=0, atol=1e-6)
    unseen, _ = subjects(classes, count=20, seed=1)
    same = theirs.predict_proba(ours.standardised(unseen).double().numpy())
    np.testing.assert_allclose(probabilities(ours, unseen), same, rtol=0, atol=1e-6)


def test_the_majority_is_told_everybody(build_estimator):
    target = torch.tensor([0, 0, 0, 0, 0, 1, 1, 1, 2, 2])
    majority = fitted(build_estimator("majority", inputs=0), torch.zeros(10, 0), target)
    np.testing.assert_allclose(probabilities(majority, torch.ones(2, 0)), [[0.5, 0.3, 0.2]] * 2, rtol=1e-6)


def test_inputs_are_scaled_by_the_training_subjects_and_constant_ones_are_harmless(build_estimator):
    inputs = torch.tensor([[1.0, 5.0], [3.0, 5.0], [5.0, 5.0], [7.0, 5.0]])
    target = torch.tensor([0, 0, 1, 1])
    machine = fitted(build_estimator("logistic_regression", inputs=2, classes=2), inputs, target)
    assert machine.mean.tolist() == [4, 5]
    assert machine.scale.tolist() == pytest.approx([5**0.5, 1])
    assert machine.weight[:, 1].tolist() == [0, 0]
    left = fitted(
        build_estimator({"use": "logistic_regression", "standardise": False}, inputs=2, classes=2), inputs, target
    )
    assert (left.mean.tolist(), left.scale.tolist()) == ([0, 0], [1, 1])


@pytest.mark.parametrize("name", NAMES)
def test_what_it_learned_are_buffers_that_come_back_bit_by_bit(build_estimator, name, tmp_path):
    inputs, target = subjects(3)
    once, twice = (fitted(build_estimator(name), inputs, target, seed=3) for _ in range(2))
    assert torch.equal(once(inputs), twice(inputs)), "the same seed gives the same bits"
    assert not list(once.parameters())
    save_file(once.state_dict(), tmp_path / "weights.safetensors")
    restored = build_estimator(name)
    assert not torch.equal(restored(inputs), once(inputs))
    restored.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    assert torch.equal(restored(inputs), once(inputs))


@pytest.mark.parametrize("name", NAMES)
def test_before_it_is_fitted_it_favours_no_class(build_estimator, name):
    logits = build_estimator(name)(torch.ones(2, 6))
    assert torch.equal(torch.softmax(logits, dim=1), torch.full((2, 3), 1 / 3))


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_around_it_does_not_change_it(build_estimator, name):
    inputs, target = subjects(3)
    estimator = fitted(build_estimator(name), inputs, target)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        around = estimator(inputs)
    assert torch.equal(around, estimator(inputs))


@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_sketched_without_memory(build_estimator, name):
    with torch.device("meta"):
        assert build_estimator(name)(torch.zeros(2, 6)).shape == (2, 3)


@pytest.mark.parametrize("name", ["logistic_regression", "linear_svm"])
def test_a_solver_that_does_not_arrive_says_what_helps(build_estimator, name):
    inputs, target = subjects(3)
    block = {"use": name, "max_iterations": 1, "standardise": False, "C": 100.0}
    with pytest.raises(SettingsError, match=r"did not converge .* raise `max_iterations`") as caught:
        fitted(build_estimator(block), inputs, target)
    assert caught.value.field == "max_iterations"


def test_it_arrives_where_vectors_are_longer_than_subjects_are_many_and_alike(build_estimator):
    """As learned vectors are: here 200 subjects, 600 values of them that follow from 8, and hardly any noise."""
    generator = torch.Generator().manual_seed(0)
    target = torch.arange(200) % 3
    few = torch.randn(3, 8, generator=generator)[target] + torch.randn(200, 8, generator=generator)
    noise = 1e-3 * torch.randn(200, 600, generator=generator)
    inputs = torch.relu(few @ torch.randn(8, 600, generator=generator)) + noise
    for name in ("linear_svm", "logistic_regression"):
        estimator = fitted(build_estimator(name, inputs=600), inputs, target)
        assert (estimator(inputs).argmax(dim=1) == target).float().mean() > 0.9


def test_a_class_with_fewer_subjects_than_calibration_takes_folds(build_estimator):
    inputs, _ = subjects(3, count=12)
    target = torch.tensor([0] * 6 + [1] * 4 + [2] * 2)
    with pytest.raises(DataError, match="only 2 of them; lower `calibration_folds`"):
        fitted(build_estimator("linear_svm"), inputs, target)
    fitted(build_estimator({"use": "linear_svm", "calibration_folds": 2}), inputs, target)


@pytest.mark.parametrize("name", ["logistic_regression", "linear_svm"])
def test_something_has_to_be_there_to_learn_from(build_estimator, name):
    with pytest.raises(SettingsError, match="no inputs to learn from"):
        build_estimator(name, inputs=0)


@pytest.mark.parametrize(
    "changes", [{"C": 0}, {"C": -1.0}, {"C": float("inf")}, {"class_weight": "even"}, {"max_iterations": 0}]
)
def test_settings_that_mean_nothing(build_estimator, changes):
    with pytest.raises(ValidationError):
        build_estimator({"use": "linear_svm", **changes})


def test_logistic_regressions_of_several_labels_and_of_grades(build_estimator):
    inputs, grades = subjects(3)
    labels = torch.stack([grades > 0, grades == 1], dim=1).float()
    for target, parts in (
        (labels, [(inputs, labels[:, 0]), (inputs, labels[:, 1])]),
        (grades, [(inputs, grades > 0), (inputs[grades > 0], grades[grades > 0] > 1)]),  # P(y > k | y > k - 1)
    ):
        found = fitted(build_estimator({"use": "logistic_regression"}, classes=2), inputs, target)(inputs)
        mean, deviation = inputs.double().numpy().mean(axis=0), inputs.double().numpy().std(axis=0)
        for logits, (vectors, wanted) in zip(found.T, parts, strict=True):
            solver = Solver(max_iter=10_000, tol=1e-6).fit((vectors.numpy() - mean) / deviation, wanted.numpy())
            expected = solver.decision_function((inputs.numpy() - mean) / deviation)
            assert logits.numpy() == pytest.approx(expected, abs=1e-3)
