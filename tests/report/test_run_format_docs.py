"""docs/formats/run.md: its Python really reads a run folder, and its tables name what is there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from report.toy_run import make_run
from xdistill.runs import FORMAT, FORMAT_VERSION
from xdistill.stats import METRICS

PAGE = (Path(__file__).parents[2] / "docs" / "formats" / "run.md").read_text(encoding="utf-8")


def test_every_key_of_a_record_is_described(tmp_path):
    run = make_run(tmp_path, subjects=30)
    described = set(re.findall(r"`([a-z_0-9]+)`", PAGE))
    assert set(run.record) <= described
    assert set(run.record["cohort"]) <= described
    assert set(METRICS) <= described
    assert f'"{FORMAT}"' in PAGE
    assert f"`{FORMAT_VERSION}`. A change" in PAGE


def test_python_without_xdistill_reads_a_run(tmp_path):
    run = make_run(tmp_path / "runs/mvi_hcc/cmdnet/0a1b2c3d4e5f", classes=("NA", "1"), subjects=30, prefix="00")
    (code,) = [block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "import pandas" in block]
    script = (
        code + "\nimport sys\nassert 'xdistill' not in sys.modules\nprint(*by_fold)\nprint(student['subject'].min())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    values, first = done.stdout.splitlines()
    assert [float(value) for value in values.split()] == pytest.approx(run.metrics["student"]["accuracy"].folds)
    assert first == "00-000"
