"""Kills commands and their workers, fills their disk, runs two at once; then the same command has to finish.

A command that was disturbed in any of these ways, and run again, has to end with the same bytes as an undisturbed one.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import psutil
from material import COMMAND, RECIPE, Material, command, environment
from table import Table

PATIENCE = 600
MODEL = ("model.safetensors", "calibration.json")


def arguments(what: str, folder: Path) -> list[str]:
    """The command line of a command that writes below a folder."""
    runs = ["--runs", str(folder / "runs"), "--quiet"]
    if what == "fit":
        return ["fit", str(RECIPE), "--to", str(folder / "model"), *runs]
    if what == "tune":
        return ["tune", str(RECIPE), "--studies", str(folder / "studies"), *runs]
    if what == "run --devices 2":
        return ["run", str(RECIPE), "--devices", "2", *runs]
    return ["run", str(RECIPE), *runs]


def bytes_of(folder: Path) -> str:
    """SHA-256 of everything below a folder whose bytes are results: predictions, histories of no times, weights."""
    hashed = sha256()
    for path in sorted(folder.rglob("*")):
        if path.name in {"predictions.csv", "student.safetensors", *MODEL} and not any(
            part.startswith(".") for part in path.relative_to(folder).parts
        ):
            hashed.update(path.name.encode() + path.read_bytes())
    return hashed.hexdigest()


def left_behind(folder: Path) -> list[str]:
    """Temporary files below a folder."""
    return [path.name for path in folder.rglob(".*.tmp")]


class Disturber:
    """Disturbs one command after the other.

    Args:
        material: whose cohort file is used.
        folder: to write to.
        table: to count in.
        generator: of times and places.
    """

    def __init__(self, material: Material, folder: Path, table: Table, generator: random.Random) -> None:
        self.material, self.folder, self.table, self.generator = material, folder, table, generator
        self.references: dict[str, tuple[str, float]] = {}

    def reference(self, what: str) -> tuple[str, float]:
        """The bytes of an undisturbed command, and the seconds that it takes."""
        if what not in self.references:
            place = self.place()
            begin = time.monotonic()
            ended = command(*arguments(what, place), cache=place / "cache")
            if ended.returncode:
                raise RuntimeError(ended.stderr)
            self.references[what] = bytes_of(place), time.monotonic() - begin
        return self.references[what]

    def place(self) -> Path:
        """A new folder with a cache in which only the cohort file is."""
        place = self.folder / f"{time.monotonic_ns()}"
        (place / "cache").mkdir(parents=True)
        shutil.copy(self.material.cohort, place / "cache")
        return place

    def kill(self, what: str, victim: str) -> None:
        """Kill the driver or a worker at a random moment; a killed driver's command is run again."""
        right, seconds = self.reference(what)
        place = self.place()
        process = self.start(what, place)
        time.sleep(self.generator.uniform(0, seconds))
        with suppress(psutil.NoSuchProcess, IndexError):
            if victim == "driver":
                process.kill()
            else:
                self.generator.choice(psutil.Process(process.pid).children(recursive=True)).kill()
        self.finish(f"{what}: {victim} killed", what, process, place, right)

    def full(self, what: str) -> None:
        """Let every file of the command end at a random size, as a full disk would; then run it again."""
        right, _ = self.reference(what)
        place = self.place()
        largest = self.generator.choice([0, 100, 1000, 5000, 20_000, 60_000, 200_000])
        process = self.start(what, place, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest)))
        self.finish(f"{what}: disk full", what, process, place, right)

    def twice(self, what: str) -> None:
        """Start the same command twice."""
        right, seconds = self.reference(what)
        place = self.place()
        first = self.start(what, place)
        time.sleep(self.generator.uniform(0, seconds / 2))
        second = self.start(what, place)
        first.communicate(timeout=PATIENCE)
        self.finish(f"{what}: two at once", what, second, place, right)

    def start(self, what: str, place: Path, before: Callable[[], None] | None = None) -> subprocess.Popen[str]:
        """Start a command."""
        return subprocess.Popen(
            [*COMMAND, *arguments(what, place)],
            env=environment(place / "cache"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=before,  # noqa: PLW1509 - no threads
        )

    def finish(self, label: str, what: str, process: subprocess.Popen[str], place: Path, right: str) -> None:
        """Wait, run the command again if it did not end well, and compare."""
        try:
            _, errors = process.communicate(timeout=PATIENCE)
            if "Traceback" in errors:
                self.table.count(label, "traceback", errors.strip().splitlines()[-1])
                return
            if process.returncode:
                again = command(*arguments(what, place), cache=place / "cache")
                if again.returncode or "Traceback" in again.stderr:
                    self.table.count(label, "not finished", again.stderr.strip()[-300:])
                    return
            same, left = bytes_of(place) == right, left_behind(place)
            outcome = "other bytes" if not same else f"left behind ({left[0]})" if left else "same bytes"
            self.table.count(label, outcome, str(place))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            self.table.count(label, "hang")
        finally:
            shutil.rmtree(place, ignore_errors=True)


def disturb(disturber: Disturber, until: float, *, commands: tuple[str, ...]) -> None:
    """Disturb commands in all ways, in turn, until a moment of the monotonic clock."""
    while True:
        for what in commands:
            for way in (
                lambda what=what: disturber.kill(what, "driver"),
                lambda what=what: disturber.kill(what, "worker"),
                lambda what=what: disturber.full(what),
                lambda what=what: disturber.twice(what),
            ):
                if time.monotonic() > until:
                    return
                way()
