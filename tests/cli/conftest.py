"""The command line as its users meet it: in this process where that is enough, and in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.cohorts import Cohort

START = "from xdistill.cli import main; main()"
# A command whose folds after the first do not end, so that it is not over before what a test does to it.
START_HELD = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from xdistill.crossval import execute as crossval
crossval.FOLD_FUNCTION = "held_folds:run_first"
{START}
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in {"FORCE_COLOR", "COLUMNS"}}
    return {**kept, "OMP_NUM_THREADS": "1", **variables}


@pytest.fixture
def xdistill(capfd, monkeypatch):
    """Give a command in this process; its exit code and what it printed."""

    def give(*arguments: object) -> Ended:
        from xdistill.cli import main

        monkeypatch.setattr(sys, "argv", ["xdistill", *map(str, arguments)])
        monkeypatch.setattr(sys.modules["__main__"], "__package__", "")  # or help names `python -m pytest`
        capfd.readouterr()
        code: object = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        printed = capfd.readouterr()
        assert isinstance(code, int)
        return Ended(code, printed.out, printed.err)

    return give


@pytest.fixture
def process():
    """Give a command in a process of its own."""

    def give(*arguments: object, cwd: Path | None = None, code: str = START, **variables: str) -> Ended:
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd,
            env=environment(**variables),
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    return give


@pytest.fixture
def start():
    """Start a command in a process group of its own, as a shell does; what is left of it is ended."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: object, cwd: Path, code: str = START) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd,
            env=environment(),
            start_new_session=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def cohort(tmp_path, monkeypatch):
    """A small cohort of files in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDISTILL_CACHE", str(tmp_path / "cache"))
    return Cohort(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A finished run of the small cohort: its folder and how the command ended."""
    folder = tmp_path_factory.mktemp("finished")
    Cohort(folder)
    done = subprocess.run(
        [sys.executable, "-c", START, "run", "recipe.yaml", "--json", "--jobs", "1", "--cache", "cache"],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=environment(),
    )
    return folder, Ended(done.returncode, done.stdout, done.stderr)
