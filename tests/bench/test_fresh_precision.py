"""Cohorts until intervals are narrow: `half_width` of benchmarks on generated cohorts."""

from __future__ import annotations

import math

import pytest

from bench.tiny_fresh import FRESH, SPREAD, Trainer, table_of, write
from xdistill.bench.fresh import run
from xdistill.bench.fresh.plan import FreshPlan
from xdistill.bench.fresh.precision import LEAST
from xdistill.bench.fresh.results import result_path
from xdistill.bench.fresh.scores import read_scores, scores_text
from xdistill.bench.fresh.table import gain_table, results_in
from xdistill.bench.fresh.text import notes, render_gains
from xdistill.bench.load import load_benchmark
from xdistill.errors import RecipeError, RunError


def trained(tmp_path, catalog, monkeypatch, *, fails=(), only=(), **changes):
    """The rounds of a run, and the table."""
    fresh = {**FRESH, "cohorts": 100, "half_width": 0.5, **changes}
    benchmark = load_benchmark(write(tmp_path / "benchmark", fresh_test=fresh))
    trainer = Trainer(tmp_path / "results", fails)
    monkeypatch.setattr(run, "_trained", trainer)
    assert list(run.run_fresh(benchmark, catalog, folder=trainer.folder, only=only)) == []
    return trainer.rounds, table_of(benchmark, catalog, trainer.folder)


def cohorts(table):
    return {gain.entry: gain.cohorts for gain in table.gains}


def width(gain):
    return 100 * (gain.difference.interval[1] - gain.difference.mean)


def test_an_entry_is_trained_until_its_interval_is_narrow(tmp_path, catalog, monkeypatch):
    rounds, table = trained(tmp_path, catalog, monkeypatch)
    alone, kd, oracle = table.gains
    assert oracle.cohorts == LEAST
    assert kd.cohorts > 40
    assert alone.cohorts == kd.cohorts, "a gain takes the reference on the same cohort"
    assert 0.4 < width(kd) <= 0.5
    assert len(rounds[0]) == LEAST
    assert all(len(one) <= sum(map(len, rounds[:place])) for place, one in enumerate(rounds[1:], start=1))
    assert {entries for one in rounds[1:] for _, entries in one} == {("alone", "kd")}
    assert table.found == table.wanted


def test_it_ends_at_the_largest_number_and_says_nothing_is_missing(tmp_path, catalog, monkeypatch):
    _, table = trained(tmp_path, catalog, monkeypatch, cohorts=24)
    assert cohorts(table) == {"alone": 24, "kd": 24, "oracle": LEAST}
    assert width(table.gains[1]) > 0.5
    assert table.found == table.wanted
    assert any("until its interval was at most ±0.5 points, or all cohorts were used" in note for note in notes(table))


def test_what_fails_is_not_tried_for_ever(tmp_path, catalog, monkeypatch):
    rounds, table = trained(tmp_path, catalog, monkeypatch, fails={(3, "oracle"), (12, "kd")})
    assert cohorts(table)["oracle"] == LEAST - 1
    assert sum(name == "n24-c012" for one in rounds for name, _ in one) == 1
    assert table.found < table.wanted


def test_more_is_wanted_only_where_it_was_stopped(tmp_path, catalog, monkeypatch):
    _, first = trained(tmp_path, catalog, monkeypatch, cohorts=24)
    rounds, second = trained(tmp_path, catalog, monkeypatch)
    assert cohorts(first)["kd"] < cohorts(second)["kd"] < 100
    assert {name for one in rounds for name, _ in one} == {f"n24-c{n:03d}" for n in range(24, cohorts(second)["kd"])}


def test_a_fixed_number_without_it(tmp_path, catalog, monkeypatch):
    rounds, table = trained(tmp_path, catalog, monkeypatch, half_width=None, cohorts=4)
    assert (len(rounds), cohorts(table)) == (1, dict.fromkeys(SPREAD, 4))
    assert table.wanted == 12


@pytest.mark.parametrize("value", [0, -1, math.nan, "narrow"])
def test_a_width_that_is_none_is_refused(tmp_path, value):
    with pytest.raises(RecipeError, match="half_width"):
        load_benchmark(write(tmp_path, fresh_test={**FRESH, "half_width": value}))


@pytest.fixture
def record(tmp_path, catalog, monkeypatch):
    """A finished benchmark, and the file of its scores."""
    _, table = trained(tmp_path, catalog, monkeypatch, cohorts=24)
    plan = plan_of(tmp_path, catalog)
    path = tmp_path / "scores.csv"
    path.write_text(scores_text(plan, results_in(plan, tmp_path / "results")), encoding="utf-8")
    return path, table


def plan_of(tmp_path, catalog):
    return FreshPlan(load_benchmark(tmp_path / "benchmark" / "fresh.yaml"), catalog)


def test_the_table_follows_from_the_record(record, tmp_path, catalog):
    path, table = record
    again = gain_table(plan_of(tmp_path, catalog), read_scores(plan_of(tmp_path, catalog), path))
    assert render_gains(again, "md") == render_gains(table, "md")
    assert [gain.cohorts for gain in again.gains] == [gain.cohorts for gain in table.gains]
    assert path.read_text(encoding="utf-8").count("\n") == table.found + 1


def test_a_run_goes_on_from_the_record(record, tmp_path, catalog, monkeypatch):
    path, _ = record
    benchmark, other = load_benchmark(tmp_path / "benchmark" / "fresh.yaml"), Trainer(tmp_path / "other")
    monkeypatch.setattr(run, "_trained", other)
    assert list(run.run_fresh(benchmark, catalog, folder=other.folder, record=path)) == []
    assert other.rounds == []
    assert table_of(benchmark, catalog, other.folder).gains[1].cohorts == 24
    kept = result_path(other.folder, plan_of(tmp_path, catalog).units[0], "kd")
    kept.unlink()
    path.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:-1]), encoding="utf-8")
    assert list(run.run_fresh(benchmark, catalog, folder=other.folder, record=path)) == []
    assert kept.is_file()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("value,train", "train,value", ": the columns are not value, train, cohort"),
        (",24,3,kd,0.", ",24,3,kd,7.", "csv:12: not a row of scores between 0 and 1"),
        (",24,3,kd,0.", ",24,3,kd,x", "csv:12: not a row of scores"),
        (",24,3,kd,", ",24,3,dk,", "csv:12: the recipe or the cohort is not that of entry 'dk'"),
        (",24,3,kd,", ",24,3,oracle,", "csv:12: the recipe or the cohort is not that of entry 'oracle'"),
        (",24,3,kd,", ",24,3,kd,0.5,", "csv:12: not a row of scores"),
        (",24,3,kd,", '",24,3,kd,', "csv:"),
    ],
)
def test_a_damaged_record_is_one_message(record, tmp_path, catalog, old, new, said):
    path, _ = record
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(RunError, match=said):
        read_scores(plan_of(tmp_path, catalog), path)


def test_rows_of_cohorts_beyond_the_file_are_left_out(record, tmp_path, catalog):
    path, _ = record
    fresh = {**FRESH, "cohorts": 5}
    plan = FreshPlan(load_benchmark(write(tmp_path / "fewer", fresh_test=fresh)), catalog)
    assert {len(results) for results in read_scores(plan, path)["n24"].values()} == {5}


def test_a_record_that_is_missing(tmp_path, catalog):
    plan = FreshPlan(load_benchmark(write(tmp_path / "benchmark")), catalog)
    with pytest.raises(RunError, match=r"none\.csv"):
        read_scores(plan, tmp_path / "none.csv")
