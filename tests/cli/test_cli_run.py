"""`xdistill run` from start to end: what it prints where, its options, and its exit codes."""

import json
import math
import re
import subprocess
import sys

import pytest

from cli.conftest import START, environment

ANSI = re.compile(r"\x1b\[")


def test_json_is_one_document_on_standard_output_and_all_else_on_standard_error(finished):
    folder, ended = finished
    assert ended.code == 0, ended.err
    document = json.loads(ended.out)
    assert set(document) >= {"run_dir", "summary"}
    assert set(document["summary"]) == {"student", "teacher"}
    for scores in document["summary"].values():
        for metric in ("auc_ovo", "f1_macro", "accuracy"):
            assert set(scores[metric]) == {"mean", "sd", "folds"}
            assert len(scores[metric]["folds"]) == 3
            assert math.isclose(scores[metric]["mean"], sum(scores[metric]["folds"]) / 3)
    assert (folder / document["run_dir"] / "record.json").is_file()
    assert (folder / document["report"]).is_file()
    assert document["synthetic"] is False
    assert document["privileged"] == ["clinical"]
    assert "3 folds, 1 at a time, 1 thread(s) each" in ended.err
    assert "r0-f2: finished" in ended.err


def test_no_identifier_of_a_subject_goes_to_the_log_or_the_report(finished):
    folder, ended = finished
    assert not re.search(r"\bs\d\d\b", ended.err + ended.out)
    report = folder / json.loads(ended.out)["report"]
    assert not re.search(r"\bs(0\d|1[01])\b", report.read_text())


def test_a_finished_run_is_shown_at_once_as_a_plain_table(finished, xdistill, monkeypatch):
    monkeypatch.chdir(finished[0])
    ended = xdistill("run", "recipe.yaml", "--cache", "cache")
    assert ended.code == 0
    for word in ("tests/patients", "Student", "Teacher", "Majority class", "AUC %", "Sensitivity %", "over 3 folds"):
        assert word in ended.out
    assert "Synthetic" not in ended.out
    assert not ANSI.search(ended.out + ended.err)
    assert "finished" not in ended.err, "nothing was trained"
    assert ended.err.startswith("report: runs/tests/patients/")


@pytest.mark.parametrize("option", ["--quiet", "-q"])
def test_quiet(finished, xdistill, monkeypatch, option):
    monkeypatch.chdir(finished[0])
    ended = xdistill("run", "recipe.yaml", "--cache", "cache", option)
    assert (ended.code, ended.err) == (0, "")
    assert "Student" in ended.out


def test_fresh_starts_anew_and_more_jobs_give_the_same_bits(finished, xdistill, monkeypatch):
    folder, ended = finished
    run = folder / json.loads(ended.out)["run_dir"]
    before = (run / "predictions.csv").read_bytes()
    (run / "folds" / "r0-f1" / "stray").touch()
    monkeypatch.chdir(folder)
    again = xdistill("run", "recipe.yaml", "--cache", "cache", "--fresh", "--jobs", "2")
    assert again.code == 0, again.err
    assert "3 folds, 2 at a time" in again.err
    assert "r0-f1: starts" in again.err
    assert not (run / "folds" / "r0-f1" / "stray").exists()
    assert (run / "predictions.csv").read_bytes() == before


@pytest.mark.slow
def test_precision_and_threads(cohort, xdistill):
    ended = xdistill("run", "recipe.yaml", "--precision", "bf16-mixed", "--threads", "2", "--jobs", "1", "--json")
    assert ended.code == 0, ended.err
    assert "2 thread(s) each" in ended.err
    record = json.loads((cohort.folder / json.loads(ended.out)["run_dir"] / "record.json").read_text())
    assert record["recipe"]["compute"]["precision"] == "bf16-mixed"
    assert record["machine"]["threads"] == 2


def test_a_run_that_fails_by_no_fault_of_the_input_ends_with_one(cohort, xdistill):
    arguments = [
        "--set",
        "optimizer.lr=1e30",
        "--set",
        "optimizer.schedule=constant",
        "--set",
        "optimizer.clip_norm=null",
    ]
    ended = xdistill("run", "recipe.yaml", "--jobs", "1", "--set", "stages.joint.epochs=4", *arguments)
    assert ended.code == 1
    assert "the loss is not finite in fold r0-f0, stage 'joint', epoch " in ended.err
    assert "Traceback" not in ended.err
    assert not list(cohort.folder.rglob("predictions.csv"))


SMALL_MEMORY = f"import resource; resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30))\n{START}"


def test_out_of_memory_says_what_lowers_the_need(cohort):
    """A convolution with 7 GB of weights, in processes that may have 6 GB."""
    cohort.recipe.write_text(cohort.recipe.read_text().replace("width: 0.03125", "width: 128"))
    done = subprocess.run(
        [sys.executable, "-c", SMALL_MEMORY, "run", "recipe.yaml", "--jobs", "1"],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    assert done.returncode == 1
    assert "error: memory ran out; lower loader.batch_size, --jobs, " in done.stderr
    assert "width" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--precision", "17-bits"], ["compute.precision", "'32-true', 'bf16-mixed' or '16-mixed'", "got '17-bits'"]),
        (["--accelerator", "abacus"], ["compute.accelerator", "'auto', 'cpu', 'cuda' or 'mps'", "got 'abacus'"]),
        (["--jobs", "0"], ["--jobs", "greater than or equal to 1"]),
        (["--threads", "many"], ["--threads", "valid integer"]),
        (["--profile", "paper"], ["--profile paper", "unknown profile `paper`"]),
        (["--set", "crossval.folds"], ["--set crossval.folds"]),
        (["--runs", "blocked"], ["blocked", "the folder cannot be written", "choose another with --runs"]),
        (["--cache", "blocked"], ["the cohort cannot be written to blocked", "--cache"]),
        (["--nonsense"], ["No such option", "--nonsense"]),
    ],
)
def test_options_that_cannot_be(cohort, xdistill, arguments, parts):
    (cohort.folder / "blocked").write_text("a file is in the way")
    ended = xdistill("run", "recipe.yaml", *arguments)
    assert ended.code == 2
    assert ended.out == ""
    assert "Traceback" not in ended.err
    for part in parts:
        assert part in ended.err
    assert not (cohort.folder / "runs").exists()


def test_an_accelerator_that_is_not_there(cohort, xdistill):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a cuda device")
    ended = xdistill("run", "recipe.yaml", "--accelerator", "cuda")
    assert ended.code == 2
    assert "no cuda device" in ended.err
    assert "--accelerator cpu" in ended.err
    assert not (cohort.folder / "runs").exists()
