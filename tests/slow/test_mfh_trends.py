"""The two experiments of the modality focusing hypothesis, over ten draws. Minutes: `make slow` runs them."""

import sys
from importlib import util
from pathlib import Path

import numpy as np
import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
]

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "crossmodal.py"


@pytest.fixture
def crossmodal():
    """The benchmark as a module."""
    spec = util.spec_from_file_location("benchmark_crossmodal", SCRIPT)
    module = sys.modules[spec.name] = util.module_from_spec(spec)  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


def test_the_gain_of_distillation_grows_with_the_share_of_shared_features(crossmodal):
    gains = crossmodal.gamma(crossmodal.Bench(range(10)))
    shares = [shared / (20 - shared) for shared in crossmodal.SHARED]
    assert np.corrcoef(shares, gains)[0, 1] > 0.9
    assert gains[0] <= 0.3  # nothing is shared: nothing, or a loss
    assert gains[-1] > 1.5  # everything is
    # Both are means over ten draws, whose standard deviation is about 1.2.
    assert np.abs(np.subtract(gains, crossmodal.KNOWN_GAINS)).max() < 4 * 1.2 * (2 / 10) ** 0.5


def test_a_modality_general_teacher_is_better_than_the_usual_one(crossmodal):
    gains = crossmodal.focus(crossmodal.Bench(range(10)))
    printed = [general - usual for _, usual, general in crossmodal.PRINTED.values()]
    assert min(gains) > 0.5
    assert np.abs(np.subtract(gains, printed)).max() < 1.5
