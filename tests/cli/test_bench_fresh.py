"""`xdistill bench` on generated cohorts."""

from __future__ import annotations

import pytest

from bench.tiny_fresh import FRESH, Trainer, write
from xdistill.bench.fresh import run

FILE = "benchmarks/fresh.yaml"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with a benchmark whose training takes no time."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "benchmarks", fresh_test={**FRESH, "cohorts": 12, "half_width": 0.5})
    monkeypatch.setattr(run, "_trained", Trainer(tmp_path / "runs" / "benchmarks" / "fresh"))
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
    run._trained.rounds.clear()
    again = xdistill("bench", "run", FILE, "--from-records", "--runs", "other")
    assert (again.code, again.out) == (0, ended.out)
    assert run._trained.rounds == []


@pytest.mark.usefixtures("place")
def test_records_that_are_missing_are_named(xdistill):
    for words in (("show", FILE, "--from", "records"), ("run", FILE, "--from-records")):
        ended = xdistill("bench", *words)
        assert ended.code == 2
        assert "benchmarks/records/fresh/scores.csv" in ended.err
        assert "Traceback" not in ended.err
