"""What `make chaos` runs is all there."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_it_starts():
    done = subprocess.run(
        [sys.executable, "benchmarks/chaos", "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "--kills" in done.stdout
