"""`xdistill bench` as its users meet it."""

from __future__ import annotations

import json
import os
import re
import signal
import sys

import pytest

from bench.tiny_benchmark import benchmark, write_benchmark
from bench.toy_runs import make_known_run
from cli.conftest import START_HELD
from cli.test_cli_interrupt import read_until
from waiting import LONG
from xdistill.bench.load import load_benchmark
from xdistill.plugin.scaffold import write_plugin


@pytest.fixture
def place(tmp_path, monkeypatch, shared_cache):
    """A working folder with the small benchmark."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDISTILL_CACHE", str(shared_cache))
    write_benchmark(tmp_path / "benchmarks")
    return tmp_path


@pytest.fixture
def with_runs(place, catalog):
    """The same with finished runs."""
    small = load_benchmark(place / "benchmarks" / "small.yaml")
    make_known_run(place / "runs", small, "alone", catalog)
    make_known_run(place / "runs", small, "kd", catalog, signal=3.0, teacher=4.0, noise=1, identity="fedcba987654")
    return place


@pytest.fixture
def with_records(with_runs, xdistill):
    """The same with records of them."""
    assert xdistill("bench", "submit", "benchmarks/small.yaml").code == 0
    return with_runs


@pytest.mark.usefixtures("place")
def test_run_and_show(xdistill):
    ended = xdistill("bench", "run", "benchmarks/small.yaml", "--jobs", "1")
    assert ended.code == 0, ended.err
    assert "[1/2] alone, seed 0" in ended.err
    assert "[2/2] kd, seed 0" in ended.err
    assert "r0-f2: finished" in ended.err
    assert "kd: finished, runs/tests/kd/" in ended.err
    assert "Student alone" in ended.out
    again = xdistill("bench", "run", "benchmarks/small.yaml", "--quiet", "--only", "kd")
    assert (again.code, again.err) == (0, "")
    assert again.out == ended.out
    assert xdistill("bench", "show", "benchmarks/small.yaml").out == ended.out


def test_a_failed_entry_is_told_at_the_end(place, xdistill):
    broken = {"name": "broken", "recipe": "kd.yaml", "set": {"student.branches.hbp.inputs": ["clinical"]}}
    write_benchmark(place / "benchmarks", entries=[broken, *benchmark()["entries"]])
    ended = xdistill("bench", "run", "benchmarks/small.yaml", "--only", "broken", "--only", "alone", "--folds", "2")
    assert ended.code == 2
    assert "broken: failed; the other entries continue" in ended.err
    assert "alone: finished" in ended.err
    assert "Student alone" in ended.out
    told = ended.err[ended.err.index("error: ") :]
    assert told.startswith("error: 1 run of the benchmark 'small' failed; finished runs are kept\nbroken, seed 0: ")
    assert "Traceback" not in ended.err


def test_entries_with_a_plugin_in_a_file(place, xdistill, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    loss = write_plugin("own-loss", "distillation_loss", parent=place)[0]
    own = {"name": "own", "recipe": "kd.yaml", "set": {"stages.joint.objective.class_kl": {"use": "own_loss"}}}
    own["set"]["stages.joint.epochs"] = 1
    write_benchmark(place / "benchmarks", entries=[*benchmark()["entries"], own])
    command = ("bench", "run", "benchmarks/small.yaml", "--only", "own", "--only", "alone", "--folds", "2")
    try:
        assert "own_loss" in xdistill(*command).err.splitlines()[-1]
        ended = xdistill(*command, "--plugin", loss)
        assert ended.code == 0, ended.err
        assert "own: finished" in ended.err
        options = ("--benchmark", "benchmarks/small.yaml", "--folds", "2", "--plugin", loss)
        ended = xdistill("bench", "compare", "own", "alone", *options)
        assert ended.code == 0, ended.err
        assert "A: own" in ended.out
    finally:
        sys.modules.pop("own_loss", None)


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on(place, start):
    running = start("bench", "run", "benchmarks/small.yaml", cwd=place, code=START_HELD)
    said = read_until(running.stderr, "r0-f0: finished")
    os.killpg(running.pid, signal.SIGINT)
    out, rest = running.communicate(timeout=LONG)
    assert (running.returncode, out) == (130, ""), rest
    assert "error: stopped. Finished results are kept; rerun the command to resume" in said + rest
    assert "Traceback" not in rest


def test_submit_and_verify(with_runs, xdistill):
    runs = with_runs / "runs" / "tests"
    one = xdistill("bench", "submit", runs / "kd-0", "--to", "benchmarks/records/small", "--as", "kd", "--seed", "0")
    assert one.code == 0, one.err
    assert one.out == "benchmarks/records/small/kd: kd, seed 0, run fedcba987654: written\n"
    both = xdistill("bench", "submit", "benchmarks/small.yaml")
    assert "kd: kd, seed 0, run fedcba987654: there already" in both.out
    assert "alone: alone, seed 0, run 0a1b2c3d4e5f: written" in both.out
    for arguments in ([], ["benchmarks/small.yaml"], ["benchmarks/records/small"], ["benchmarks"]):
        verified = xdistill("bench", "verify", *arguments)
        assert verified.code == 0, verified.err
        assert "2 records, 3 folds, 30 subjects: all figures follow from the predictions" in verified.out


def test_verify_tells_everything_that_is_wrong(with_records, xdistill):
    record = with_records / "benchmarks" / "records" / "small" / "kd" / "record.json"
    facts = json.loads(record.read_text())
    facts["scores"]["student"]["auc_ovo"]["mean"] = 0.999
    record.write_text(json.dumps(facts | {"status": "[red]running"}))
    ended = xdistill("bench", "verify")
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err.count("error: ") == 2
    assert "the score student auc_ovo mean is 0.999" in ended.err
    assert "its status is '[red]running'" in ended.err


@pytest.mark.parametrize("fmt", ["md", "html", "csv", "json", "latex"])
def test_export(with_records, xdistill, fmt):
    printed = xdistill("bench", "export", "benchmarks/small.yaml", "--format", fmt, "--from", "records")
    assert printed.code == 0, printed.err
    assert "kd" in printed.out
    written = xdistill("bench", "export", "benchmarks/small.yaml", "--format", fmt, "--from", "records", "-o", "page")
    assert written.out == ""
    assert written.err.startswith("page: written, ")
    assert "small (" in written.err
    assert (with_records / "page").read_text() == printed.out


def test_a_leaderboard_is_verified(with_records, xdistill):
    page = with_records / "benchmarks" / "LEADERBOARD.md"
    arguments = ["bench", "export", "benchmarks/small.yaml", "--format", "md", "--from", "records", "--output", page]
    assert xdistill(*arguments).code == 0
    assert xdistill("bench", "verify").code == 0
    page.write_text(page.read_text().replace("Student alone", "Student"))
    ended = xdistill("bench", "verify")
    assert ended.code == 2
    assert "LEADERBOARD.md: differs from what the records of 'small' generate" in ended.err


@pytest.mark.usefixtures("with_records")
def test_compare(xdistill):
    entries = xdistill("bench", "compare", "kd", "alone", "--benchmark", "benchmarks/small.yaml")
    assert entries.code == 0, entries.err
    for part in (
        "A: kd",
        "B: alone",
        "Macro OvO AUC, %",
        "A - B  +",
        " points, bootstrap ",
        "corrected resampled t: ",
        "(anticonservative)",
    ):
        assert part in entries.out
    folders = xdistill("bench", "compare", "runs/tests/kd-0", "benchmarks/records/small/alone")
    assert folders.code == 0, folders.err
    assert "A: tests/kd (fedcba987654)\nB: alone (0a1b2c3d4e5f)\n" in folders.out
    assert entries.out.split("AUC, %")[1] == folders.out.split("AUC, %")[1]
    assert re.search(r"B      \d\d\.\d\d ± \d+\.\d\d, interval \d\d\.\d\d to \d+\.\d\d", entries.out)
    teachers = xdistill(
        "bench", "compare", "teacher", "kd", "--benchmark", "benchmarks/small.yaml", "--from", "records"
    )
    assert "A: teacher\nB: kd" in teachers.out


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["run", "benchmarks/smal.yaml"], ["there is no such file; did you mean `small.yaml`?"]),
        (["run", "benchmarks/small.yaml", "--only", "kdd"], ["no entry 'kdd'; did you mean `kd`"]),
        (["run", "benchmarks/small.yaml", "--executor", "elswhere"], ["executor.use", "'elswhere'"]),
        (["run", "benchmarks/small.yaml", "--folds", "1"], ["--folds", "greater than or equal to 2"]),
        (["show", "benchmarks/small.yaml"], ["has no results", "start `xdistill bench run`"]),
        (["show", "benchmarks/small.yaml", "--from", "runs"], ["no finished run", "--runs"]),
        (["show", "benchmarks/small.yaml", "--from", "records"], ["no records", "submit some runs first"]),
        (["show", "benchmarks/kd.yaml"], ["format: this field is required"]),
        (["export", "benchmarks/small.yaml", "--format", "pdf"], ["'pdf'", "latex"]),
        (["export", "benchmarks/small.yaml", "benchmarks/kd.yaml", "--format", "csv"], ["holds one benchmark"]),
        (["submit", "runs"], ["name the benchmark entry", "--as kd"]),
        (["submit", "runs", "--as", "kd"], ["name the folder of the record", "--to benchmarks/records/mvi_hcc"]),
        (["submit", "runs", "--as", "kd", "--to", "x"], ["runs: not the folder of a run"]),
        (["submit", "benchmarks/small.yaml"], ["no finished run of the benchmark 'small'"]),
        (["verify"], ["benchmarks: there is no benchmark file with records here"]),
        (["verify", "benchmarks/small.yaml"], ["records/small: there are no records here"]),
        (["verify", "nowhere.yaml"], ["nowhere.yaml: there is no such file"]),
        (["compare", "here", "there"], ["here: not the folder of a run"]),
        (["compare", "kd", "alne", "--benchmark", "benchmarks/small.yaml"], ["no entry 'alne'; did you mean `alone`"]),
    ],
)
def test_what_cannot_be(place, xdistill, arguments, parts):
    ended = xdistill("bench", *arguments)
    assert ended.code == 2, ended.err
    assert "Traceback" not in ended.err
    for part in parts:
        assert part in " ".join(ended.err.split())
    assert not list(place.glob("runs/**/record.json"))


@pytest.mark.usefixtures("with_records")
def test_where_a_page_cannot_be_written(xdistill):
    ended = xdistill("bench", "export", "benchmarks/small.yaml", "--format", "md", "--output", "nowhere/page.md")
    assert ended.code == 2
    assert "there is no folder nowhere; create it first" in ended.err
