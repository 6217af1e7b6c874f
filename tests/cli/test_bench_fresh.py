"""`xdistill bench` on generated cohorts."""

from __future__ import annotations

import pytest

from bench.tiny_fresh import FRESH, Trainer, write
from xdistill.bench.fresh import run, verify

FILE = "benchmarks/fresh.yaml"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with a benchmark whose training takes no time."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "benchmarks", fresh_test={**FRESH, "cohorts": 12, "half_width": 0.5})
    monkeypatch.setattr(run, "train_cohorts", Trainer())
    return tmp_path


def test_scores_that_were_published_make_the_table_and_are_not_trained_again(place, xdistill):
    ended = xdistill("bench", "run", FILE)
    assert ended.code == 0, ended.err
    assert "and the scores of all cohorts" in ended.err
    results = place / "runs" / "benchmarks" / "fresh"
    assert {path.name for path in results.iterdir()} >= {
        "fresh.md",
        "fresh.csv",
        "fresh.json",
        "fresh.svg",
        "scores.csv",
    }
    records = place / "benchmarks" / "records" / "fresh"
    records.mkdir(parents=True)
    results.joinpath("scores.csv").rename(records / "scores.csv")
    for source in (("--from", "records"), ()):
        assert xdistill("bench", "show", FILE, "--runs", "none", *source).out == ended.out
    assert (
        xdistill("bench", "export", FILE, "--format", "md", "--from", "records").out
        == (results / "fresh.md").read_text()
    )
    run.train_cohorts.rounds.clear()
    again = xdistill("bench", "run", FILE, "--from-records", "--runs", "other")
    assert (again.code, again.out) == (0, ended.out)
    assert run.train_cohorts.rounds == []


@pytest.fixture
def record(place, xdistill, monkeypatch):
    """The scores of a finished run, published."""
    assert xdistill("bench", "run", FILE, "--quiet").code == 0
    path = place / "benchmarks" / "records" / "fresh" / "scores.csv"
    path.parent.mkdir(parents=True)
    (place / "runs" / "benchmarks" / "fresh" / "scores.csv").rename(path)
    monkeypatch.setattr(verify, "train_cohorts", Trainer())
    return path


@pytest.mark.usefixtures("record")
@pytest.mark.parametrize("words", [(), (FILE,), ("benchmarks/records/fresh",)], ids=["all", "file", "folder"])
def test_scores_are_verified(xdistill, words):
    ended = xdistill("bench", "verify", *words)
    assert ended.code == 0, ended.err
    assert "34 results of 3 entries" in ended.out
    assert "--replay" in ended.out


@pytest.mark.usefixtures("record")
def test_entries_are_trained_again(xdistill):
    ended = xdistill("bench", "verify", FILE, "--replay", "2")
    assert ended.code == 0, ended.err
    assert ended.out.count(": the same score") == 6
    assert "6 trained again: 6 with the same score, mean difference +0.00 points" in ended.out
    one = xdistill("bench", "verify", FILE, "--replay", "2", "--entry", "kd", "--by", "A. Lab")
    assert "2 trained again" in one.out
    assert "--by is ignored here" in one.err


def test_a_score_that_training_does_not_lead_to_is_told(record, xdistill):
    lines = record.read_text().splitlines()
    changed = [",".join([*row[:4], "0.9", *row[5:]]) if row[3] == "kd" else ",".join(row) for row in map(split, lines)]
    record.write_text("\n".join(changed) + "\n")
    ended = xdistill("bench", "verify", FILE, "--replay", "1", "--entry", "kd")
    assert "1 trained again: 0 with the same score, mean difference -" in ended.out


def test_a_row_that_was_removed_is_told(record, xdistill):
    lines = record.read_text().splitlines(keepends=True)
    record.write_text("".join(line for line in lines if split(line)[2:4] != ["3", "kd"]))
    ended = xdistill("bench", "verify", FILE)
    assert ended.code == 0
    assert "entry 'kd' has no result on n24, cohort 3, but on later ones" in ended.err


def test_a_damaged_row_is_an_error(record, xdistill):
    record.write_text(record.read_text() + "n24,kd\n")
    ended = xdistill("bench", "verify", FILE)
    assert ended.code == 2
    assert "scores.csv:36" in ended.err
    assert "Traceback" not in ended.err


def split(line):
    return line.split(",")


@pytest.mark.usefixtures("place")
def test_records_that_are_missing_are_named(xdistill):
    for words in (("show", FILE, "--from", "records"), ("run", FILE, "--from-records")):
        ended = xdistill("bench", *words)
        assert ended.code == 2
        assert "benchmarks/records/fresh/scores.csv" in ended.err
        assert "Traceback" not in ended.err
