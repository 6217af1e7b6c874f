"""Two equal methods, many times: what benchmarks/type_one_error.py does at length."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "type_one_error.py"


@pytest.fixture(scope="module")
def simulation():
    spec = importlib.util.spec_from_file_location("type_one_error", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_the_corrected_test_keeps_its_level_and_the_naive_one_does_not(simulation):
    # Of 60 studies a test that keeps 5 % rejects more than 8 in 1 of 300 times, one of 55 % less than 20 in 1 of 1,000.
    found = simulation.rates(studies=60, repeats=10, signals=simulation.EQUAL, seed=1)
    corrected, naive = (found.rejected[test] for test in simulation.TESTS[:2])
    assert corrected <= 8 / 60
    assert naive >= 20 / 60
    assert found.auc == pytest.approx(0.70, abs=0.02)


def test_intervals_do_not_take_repeats_for_further_cohorts(simulation):
    linked, anew = simulation.coverage(studies=15, repeats=6, seed=1, resamples=100)
    assert linked >= 12 / 15
    assert anew < linked


def test_discriminants_are_those_of_scikit_learn(simulation):
    generator = np.random.default_rng(0)
    target = np.repeat(np.arange(3), simulation.SIZES)
    values = simulation.features(generator, target, number=6, signal=1.0)
    tested = simulation.test_masks(generator, target, 1)
    assert (tested.sum(axis=0) == 1).all()
    assert (np.ptp([np.bincount(target[mask]) for mask in tested], axis=0) <= 1).all()  # stratified
    found = simulation.discriminant(values, target, ~tested)
    for split, mask in enumerate(tested):
        reference = LinearDiscriminantAnalysis(solver="lsqr").fit(values[~mask], target[~mask])
        # scikit-learn divides by n where we divide by n - classes: the same up to the scale of the covariance.
        assert found[split].argmax(axis=1).tolist() == pytest.approx(reference.predict(values).tolist(), abs=2)
        assert np.corrcoef(found[split, :, 0], reference.predict_proba(values)[:, 0])[0, 1] > 0.9999
