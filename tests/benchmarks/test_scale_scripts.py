"""The scripts of benchmarks/scale do what they say at a tiny size."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCALE = Path(__file__).parents[2] / "benchmarks" / "scale"


def step(script, name, size, folder):
    command = [sys.executable, SCALE / script, "--step", name, "--sizes", str(size), "--folder", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("script", "name", "size", "made"),
    [
        ("cohort.py", "split", 60, "small-*.h5"),
        ("leaderboard.py", "rank", 30, "records/many_30/e00002.seed9/record.json"),
    ],
)
def test_a_step_makes_what_it_needs_and_says_what_it_cost(script, name, size, made, tmp_path):
    cost = step(script, name, size, tmp_path)
    assert len(list(tmp_path.glob(made))) == 1
    assert cost["seconds"] > 0
    assert cost["megabytes"] >= cost["before"] > 10


def test_growth_is_an_exponent(monkeypatch):
    monkeypatch.syspath_prepend(str(SCALE))
    from measuring import Cost, growth, show

    quadratic = [Cost(1.0, 100.0, 90.0), Cost(4.0, 110.0, 90.0)]
    assert growth((10, 20), quadratic) == 2.0
    table = show("subjects", (10, 20), {"split": quadratic})
    assert table.splitlines()[-1] == "| split | 1.00 s, 100 MiB (+10) | 4.00 s, 110 MiB (+20) | n^2.00 |"
