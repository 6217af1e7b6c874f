"""Everything that xdistill writes, made once from a recipe of seconds."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from start import Conditions, start, warm_up
from zygote import start_zygote

HERE = Path(__file__).parent
RECIPE = HERE / "tiny.yaml"
BENCHMARK = HERE / "bench.yaml"
RESULTS = {"predictions.csv", "student.safetensors", "model.safetensors", "calibration.json", "tuned.yaml"}
BEFORE = ("optuna", "xdistill.tuning.run", "xdistill.tuning.search.worker", "xdistill.bench.run")


@dataclass(frozen=True)
class Material:
    """A finished run with its cohort, teacher cache, a model and a study.

    Attributes:
        folder: of all of it.
        variables: of the environment of commands, by which their processes are forked.
    """

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

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
    def study(self) -> Path:
        """The study's folder."""
        return next((self.folder / "studies" / "chaos" / "tiny").iterdir())

    @property
    def cohort(self) -> Path:
        """The cohort file."""
        return next(self.cache.glob("*.h5"))


def arguments(what: str, folder: Path) -> list[str]:
    """The command line of a command that writes below a folder."""
    runs = ["--runs", str(folder / "runs"), "--quiet"]
    if what == "fit":
        return ["fit", str(RECIPE), "--to", str(folder / "model"), *runs]
    if what == "tune":
        return ["tune", str(RECIPE), "--studies", str(folder / "studies"), *runs]
    if what == "bench run":
        return ["bench", "run", str(BENCHMARK), *runs]
    return ["run", str(RECIPE), *what.split()[1:], *runs]


def environment(cache: Path) -> dict[str, str]:
    """Of a command: one thread for each process, and a cache of its own."""
    return {"XDISTILL_CACHE": str(cache), "OMP_NUM_THREADS": "1"}


def make(folder: Path) -> Material:
    """Train once, which also imports here what commands import."""
    folder.mkdir(parents=True, exist_ok=True)
    variables = environment(folder / "cache")
    warm_up(folder / "modules", arguments("fit", folder), variables, also=BEFORE)
    made = Material(folder, start_zygote(folder / "zygote"))
    output = folder / "output"
    process = start(arguments("tune", folder), output, {**made.variables, **variables}, Conditions())
    if process.wait(600):
        raise SystemExit(f"the material cannot be made: {output.read_text()}")
    return made


def make_cohort(folder: Path) -> Path:
    """The cohort file alone."""
    command = [sys.executable, "-m", "xdistill", "data", "build", str(RECIPE), "--cache", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return next(folder.glob("*.h5"))


def bytes_of(folder: Path) -> str:
    """SHA-256 of everything below a folder whose bytes are results: predictions, weights, settings that were found."""
    hashed = sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.name in RESULTS and not any(part.startswith(".") for part in name.parts):
            hashed.update(str(name).encode() + path.read_bytes())
    return hashed.hexdigest()


def left_behind(folder: Path) -> list[str]:
    """Temporary files and folders below a folder."""
    return [path.name for kind in ("tmp", "new", "old", "partial") for path in folder.rglob(f".*.{kind}")]
