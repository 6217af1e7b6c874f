"""The benchmark on real cohorts: its division of subjects, and its intervals."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_1samp

REAL = Path(__file__).parents[2] / "benchmarks" / "real"


def script(name):
    spec = importlib.util.spec_from_file_location(f"real_{name}", REAL / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def cohorts():
    return script("cohorts")


@pytest.fixture(scope="module")
def differences():
    return script("differences")


def test_parts_share_no_subject_with_each_other_nor_with_the_test_subjects(cohorts):
    targets = np.arange(200) % 2
    real = cohorts.Real("toy", "", "", size=20, few=30, withheld=0.5)
    everything, _, few = cohorts.REGIMES
    for regime, count in ((everything, 5), (few, 4)):
        parts = list(cohorts.divided(real, regime, targets))
        assert len(parts) == count
        used = np.concatenate([train for train, _ in parts])
        assert len(np.unique(used)) == len(used)
        assert not np.isin(used, parts[0][1]).any()
        assert all((test == parts[0][1]).all() for _, test in parts)


def test_test_subjects_of_the_third_regime_were_not_tested_before(cohorts):
    targets = np.arange(200) % 2
    real = cohorts.Real("toy", "", "", size=20, few=30, withheld=0.5)
    first, few = (next(cohorts.divided(real, regime, targets))[1] for regime in cohorts.REGIMES[1:])
    assert not np.isin(few, first).any()


def test_without_a_shared_covariance_the_gain_has_a_paired_t_test(differences):
    values = np.array([0.01, 0.03, 0.02, -0.01, 0.04])
    own, theirs = differences.gain_of_parts(values, -1.0), ttest_1samp(values, 0)
    assert own.p_value == pytest.approx(theirs.pvalue)
    assert own.interval == pytest.approx(tuple(theirs.confidence_interval()))
    assert differences.gain_of_parts(values, 1e-4).p_value > own.p_value


def test_parts_with_the_same_predictions_share_the_whole_variance_of_their_test_subjects(differences):
    generator = np.random.default_rng(0)
    target = np.arange(60) % 2
    scores = target + generator.normal(size=(2, 60))
    method, reference = (np.stack([1 - one, one], axis=1) for one in scores)
    drawn = [differences.resampled(target, np.stack([one] * 3)) for one in (method, reference)]
    shared = differences.shared_covariance(*drawn)
    counts = differences._counts(target)
    area = differences.resampled_auc_ovo
    assert shared == pytest.approx(np.var(area(target, method, counts) - area(target, reference, counts), ddof=1))
