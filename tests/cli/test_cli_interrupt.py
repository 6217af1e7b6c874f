"""Ctrl-C: a message that says how to go on, status 130, nobody left, and the same command finishes."""

import json
import os
import signal
from pathlib import Path

import pytest

from cli.conftest import START, START_HELD
from waiting import LONG, until


def members(group):
    """Processes of a group that still live."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[2] == str(group) and fields[0] != "Z":
                found.append(entry.name)
    return found


def read_until(stream, word):
    lines = []
    for line in stream:
        lines.append(line)
        if word in line:
            return "".join(lines)
    raise AssertionError(f"{word!r} never came: {''.join(lines)}")


@pytest.mark.slow
def test_a_run_goes_on_after_ctrl_c_to_the_same_bits(cohort, start, xdistill, finished):
    arguments = ["run", "recipe.yaml", "--jobs", "1", "--json"]
    running = start(*arguments, cwd=cohort.folder, code=START_HELD)
    said = read_until(running.stderr, "r0-f0: finished")
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does, to everybody
    out, rest = running.communicate(timeout=LONG)
    said += rest
    assert running.returncode == 130, said
    assert out == ""
    assert "error: stopped. Finished results are kept; rerun the command to resume" in said
    assert "Traceback" not in said
    until(lambda: not members(running.pid), "workers do not outlive their driver")
    assert not list(cohort.folder.glob("runs/**/predictions.csv.tmp"))

    again = xdistill(*arguments)
    assert again.code == 0, again.err
    assert "resuming: " in again.err
    assert "r0-f0: starts" not in again.err
    folder, reference = finished
    run, other = json.loads(again.out)["run_dir"], json.loads(reference.out)["run_dir"]
    assert (cohort.folder / run / "predictions.csv").read_bytes() == (folder / other / "predictions.csv").read_bytes()


# Ctrl-C at the moment when a module is looked for.
AT_IMPORT = """
import os, signal, sys
class Stop:
    def find_spec(self, name, *rest):
        if name == MOMENT:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Stop())
from xdistill.cli import main
main()
"""


@pytest.mark.parametrize(
    ("moment", "arguments"),
    [
        ("typer", ["--help"]),
        ("xdistill.cli.run", ["run", "recipe.yaml"]),
        ("xdistill.recipe.load", ["recipe", "check", "recipe.yaml"]),
        ("torch", ["run", "recipe.yaml"]),
        ("xdistill.plugin.index", ["plugins", "list"]),
    ],
)
def test_ctrl_c_while_things_are_loaded(cohort, start, moment, arguments):
    stopped = start(*arguments, cwd=cohort.folder, code=AT_IMPORT.replace("MOMENT", repr(moment)))
    out, said = stopped.communicate(timeout=LONG)
    assert (stopped.returncode, out) == (130, "")
    assert said.startswith("error: stopped")
    assert "Traceback" not in said


# A build that takes two minutes, and sees twice a second whether it is still wanted.
BUILD_SLOWLY = f"""
import time
from xdistill.data.file.writer import CohortWriter
put = CohortWriter.put
def put_slowly(*arguments):
    time.sleep(0.5)
    put(*arguments)
CohortWriter.put = put_slowly
{START}
"""


@pytest.mark.parametrize(("command", "advice"), [("run", "rerun the command"), ("data build", "rerun the command")])
def test_ctrl_c_while_the_cohort_is_built(cohort, start, command, advice):
    change = "data={use: hcc_phantom, subjects: 240, shape: [8, 16, 16]}"
    building = start(*command.split(), "mvi_hcc", "--set", change, cwd=cohort.folder, code=BUILD_SLOWLY)
    until(lambda: list(cohort.folder.rglob("*.part")), "the build has begun")
    os.killpg(building.pid, signal.SIGINT)
    _, said = building.communicate(timeout=LONG)
    assert building.returncode == 130, said
    assert "error: stopped" in said
    assert advice in said.lower()
    assert "Traceback" not in said
    until(lambda: not members(building.pid), "nobody is left")
    assert not list(cohort.folder.rglob("*.h5"))
    assert not (cohort.folder / "runs").exists()
