"""The table of `make perf`: what its lines say, apart from the measuring."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

PERF = Path(__file__).parents[2] / "benchmarks" / "perf"


@pytest.fixture(scope="module")
def common():
    spec = importlib.util.spec_from_file_location("perf_common", PERF / "common.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_a_line_says_median_and_range_and_whether_the_goal_is_met(common):
    row = common.Row("engine", "bare loop", (1.0, 1.04, 1.2), 1.05)
    assert row.cells() == ("engine", "bare loop", "1.04", "1.00", "1.20", "<= 1.05", "yes", "")
    assert common.Row("engine", "bare loop", (1.0, 1.06, 1.2), 1.05).met is False
    assert common.Row("reading", "copy", (0.4, 0.6, 0.7), 0.5, more_is_better=True).cells()[5:7] == (">= 0.5", "yes")
    assert common.Row("--help", "", (0.25,), 0.3, unit=" s").cells()[2] == "0.25 s"


def test_what_was_not_measured_has_met_no_goal(common):
    row = common.Row("engine", "Lightning", (), 1.0, note="not installed")
    assert row.cells() == ("engine", "Lightning", "-", "-", "-", "<= 1", "", "not installed")


def test_both_are_measured_in_turn(common):
    order = []
    clock = iter(range(100))
    pairs = common.interleaved(
        lambda: order.append("a"), lambda: order.append("b"), rounds=2, clock=lambda: next(clock)
    )
    assert order == ["a", "b", "b", "a"]
    assert common.ratios(pairs) == (1.0, 1.0)


def test_an_unknown_script_is_an_error():
    done = subprocess.run([sys.executable, PERF, "--only", "nonsense"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "unknown script `nonsense`" in done.stderr
