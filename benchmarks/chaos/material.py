"""Everything that xdistill writes, made once from a recipe of seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

RECIPE = Path(__file__).with_name("tiny.yaml")
COMMAND = [sys.executable, "-m", "xdistill"]


@dataclass(frozen=True)
class Material:
    """A finished run with its cohort, teacher cache and a model."""

    folder: Path

    @property
    def cache(self) -> Path:
        """Folder of the cohort file and the teacher cache."""
        return self.folder / "cache"

    @property
    def run(self) -> Path:
        """The run's folder."""
        return next((self.folder / "runs" / "chaos" / "tiny").iterdir())

    @property
    def model(self) -> Path:
        """The model's folder."""
        return self.folder / "model"

    @property
    def cohort(self) -> Path:
        """The cohort file."""
        return next(self.cache.glob("*.h5"))


def environment(cache: Path) -> dict[str, str]:
    """Of a command: one thread for each process, and a cache of its own."""
    return {**os.environ, "XDISTILL_CACHE": str(cache), "OMP_NUM_THREADS": "1"}


def command(*arguments: str, cache: Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments], env=environment(cache), capture_output=True, text=True, check=False, timeout=600
    )


def make(folder: Path) -> Material:
    """Train once."""
    made = Material(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for arguments in (
        ("run", str(RECIPE), "--runs", str(folder / "runs"), "--quiet"),
        ("fit", str(RECIPE), "--to", str(made.model), "--runs", str(folder / "runs"), "--quiet"),
    ):
        ended = command(*arguments, cache=made.cache)
        if ended.returncode:
            sys.exit(f"the material cannot be made: {ended.stderr}")
    return made
