"""Prediction intervals of a regression: by hand, as crepes has them, and their coverage in simulations."""

import json
import math

import numpy as np
import pytest
from crepes import ConformalRegressor

from xdistill.errors import ModelError, UserError
from xdistill.models.calibration import Intervals
from xdistill.tasks import Regression


def fit(errors, patients=None):
    errors = np.asarray(errors, dtype=float).reshape(len(errors), -1)
    names = tuple("ab"[: errors.shape[1]])
    return Intervals.fit(errors, names, np.arange(len(errors)) if patients is None else np.array(patients))


def test_ranks():
    found = fit([[1.0, 30.0], [-4.0, 10.0], [2.0, 20.0], [-3.0, 50.0]])
    # Of four patients the rank is 5 x level, rounded up.
    assert found.half_widths(0.6).tolist() == [3.0, 30.0]
    assert found.half_widths(0.61).tolist() == [4.0, 50.0]
    assert found.half_widths(0.9).tolist() == [math.inf, math.inf]
    ends = found.intervals(np.array([[10.0, 100.0]]), 0.8)
    assert ends.tolist() == [[[6.0, 14.0], [50.0, 150.0]]]


def test_a_patient_counts_once():
    # Three patients, the first with three errors of a third each: up to the errors 1, 2, 3, 5 and 8 there are 1/3,
    # 2/3, 1, 2 and 3 patients.
    found = fit([1.0, 2.0, 3.0, 5.0, 8.0], [0, 0, 0, 1, 2])
    assert [found.half_widths(level)[0] for level in (0.25, 0.5, 0.75)] == [3.0, 5.0, 8.0]
    assert found.fitted_on.patients == 3


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9])
def test_as_crepes(level):
    generator = np.random.default_rng(0)
    residuals, predicted = generator.normal(size=38), generator.normal(size=5)
    expected = ConformalRegressor().fit(residuals).predict_int(predicted, confidence=level)
    np.testing.assert_allclose(fit(residuals).intervals(predicted[:, None], level)[:, 0], expected)


def test_coverage_of_exchangeable_errors():
    # The probability of coverage is exactly 18/20 for 19 patients; 1,500 trials have a standard error of .008.
    draws = np.random.default_rng(1).standard_t(3, size=(1500, 20))
    covered = [abs(row[-1]) <= fit(row[:-1]).half_widths(0.9)[0] for row in draws]
    assert np.mean(covered) == pytest.approx(0.9, abs=0.025)


def test_coverage_of_a_model_that_is_trained_on_all_subjects():
    generator, covered = np.random.default_rng(2), []
    for _ in range(150):
        inputs = generator.normal(size=(140, 4))
        values = inputs @ [1.0, -2.0, 0.5, 0.0] + generator.standard_t(4, size=140)
        known, errors = slice(0, 40), np.zeros(40)
        for fold in range(5):
            test = np.arange(40) % 5 == fold
            weights = np.linalg.lstsq(inputs[known][~test], values[known][~test], rcond=None)[0]
            errors[test] = inputs[known][test] @ weights - values[known][test]
        weights = np.linalg.lstsq(inputs[known], values[known], rcond=None)[0]
        width = fit(errors).half_widths(0.8)[0]
        covered.append(np.mean(np.abs(inputs[40:] @ weights - values[40:]) <= width))
    assert 0.79 < np.mean(covered) < 0.85


def test_files(tmp_path):
    found = fit([[1.0], [2.0]], [0, 0])
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(found.to_json(), allow_nan=False))
    assert Intervals.read(path, Regression(("a",))) == found
    with pytest.raises(ModelError, match="for other targets than the model's"):
        Intervals.read(path, Regression(("b",)))
    path.write_text('{"targets": {"a": {"errors": [2, 1]}}}')
    with pytest.raises(ModelError, match="`errors` are not ascending"):
        Intervals.read(path, Regression(("a",)))
    with pytest.raises(UserError, match="between 0 and 1"):
        found.half_widths(1.0)
