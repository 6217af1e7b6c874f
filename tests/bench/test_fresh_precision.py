"""Cohorts until intervals are narrow: `half_width` of benchmarks on generated cohorts."""

from __future__ import annotations

import math

import pytest

from bench.tiny_fresh import FRESH, SPREAD, Trainer, table_of, write
from xdistill.bench.fresh import run
from xdistill.bench.fresh.plan import FreshPlan
from xdistill.bench.fresh.results import finished, result_path, results_in
from xdistill.bench.fresh.schema import LEAST
from xdistill.bench.fresh.scores import read_scores, scores_text, take_over
from xdistill.bench.fresh.table import gain_table
from xdistill.bench.fresh.text import notes, render_gains
from xdistill.bench.load import load_benchmark
from xdistill.errors import RecipeError, RunError


def trained(tmp_path, catalog, monkeypatch, *, fails=(), only=(), **changes):
    """The rounds of a run, and the table."""
    fresh = {**FRESH, "cohorts": 100, "half_width": 0.5, **changes}
    benchmark = load_benchmark(write(tmp_path / "benchmark", fresh_test=fresh))
    trainer, folder = Trainer(fails), tmp_path / "results"
    monkeypatch.setattr(run, "train_cohorts", trainer)
    assert list(run.run_fresh(benchmark, catalog, folder=folder, only=only)) == []
    return trainer.rounds, table_of(benchmark, catalog, folder)


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


def test_an_entry_alone_brings_the_reference(tmp_path, catalog, monkeypatch):
    rounds, table = trained(tmp_path, catalog, monkeypatch, only=["kd"])
    alone, kd = table.gains
    assert {entries for one in rounds for _, entries in one} == {("alone", "kd")}
    assert alone.cohorts == kd.cohorts > LEAST
    assert width(kd) <= 0.5


def test_it_ends_at_the_largest_number_and_says_nothing_is_missing(tmp_path, catalog, monkeypatch):
    _, table = trained(tmp_path, catalog, monkeypatch, cohorts=24)
    assert cohorts(table) == {"alone": 24, "kd": 24, "oracle": LEAST}
    assert width(table.gains[1]) > 0.5
    assert table.found == table.wanted
    assert any(
        "at most ±0.5 points, or all cohorts are used; 1 of 2 intervals are wider" in note for note in notes(table)
    )


def test_what_fails_is_tried_once_and_others_take_its_place(tmp_path, catalog, monkeypatch):
    failing = {(3, "oracle"), (9, "oracle"), (12, "kd"), (5, "alone")}
    rounds, table = trained(tmp_path, catalog, monkeypatch, fails=failing)
    oracle = table.gains[2]
    assert oracle.difference.count == LEAST
    assert oracle.cohorts == LEAST + 1, "one of them without the reference"
    assert width(table.gains[1]) <= 0.5
    assert sum(name == "n24-c012" and "kd" in entries for one in rounds for name, entries in one) == 1


def test_results_of_an_earlier_file_are_not_counted_and_do_no_harm(tmp_path, catalog, monkeypatch):
    trained(tmp_path, catalog, monkeypatch, cohorts=24, half_width=0.01)
    earlier = sorted((tmp_path / "results").rglob("*.json"))
    for path in earlier:
        path.write_text(path.read_text(encoding="utf-8").replace('"recipe_key": "', '"recipe_key": "0'), "utf-8")
        path.write_text(path.read_text(encoding="utf-8").replace('"key": "', '"key": "0'), "utf-8")
    rounds, table = trained(tmp_path, catalog, monkeypatch, cohorts=24)
    assert len(rounds[0]) == LEAST
    assert cohorts(table) == {"alone": 24, "kd": 24, "oracle": LEAST}


def test_more_is_wanted_only_where_it_was_stopped(tmp_path, catalog, monkeypatch):
    _, first = trained(tmp_path, catalog, monkeypatch, cohorts=24)
    rounds, second = trained(tmp_path, catalog, monkeypatch)
    assert cohorts(first)["kd"] < cohorts(second)["kd"] < 100
    assert {name for one in rounds for name, _ in one} == {f"n24-c{n:03d}" for n in range(24, cohorts(second)["kd"])}


def test_a_fixed_number_without_it(tmp_path, catalog, monkeypatch):
    rounds, table = trained(tmp_path, catalog, monkeypatch, half_width=None, cohorts=4)
    assert (len(rounds), cohorts(table)) == (1, dict.fromkeys(SPREAD, 4))
    assert table.wanted == 12


@pytest.mark.parametrize("value", [0, -1, 1e-9, math.nan, math.inf, "narrow"])
def test_a_width_that_is_none_is_refused(tmp_path, value):
    with pytest.raises(RecipeError, match="half_width"):
        load_benchmark(write(tmp_path, fresh_test={**FRESH, "cohorts": 12, "half_width": value}))


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
    benchmark, trainer, other = load_benchmark(tmp_path / "benchmark" / "fresh.yaml"), Trainer(), tmp_path / "other"
    monkeypatch.setattr(run, "train_cohorts", trainer)
    assert list(run.run_fresh(benchmark, catalog, folder=other, record=path)) == []
    assert trainer.rounds == []
    assert table_of(benchmark, catalog, other).gains[1].cohorts == 24
    kept = result_path(other, plan_of(tmp_path, catalog).units[0], "kd")
    kept.unlink()
    path.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:-1]), encoding="utf-8")
    assert list(run.run_fresh(benchmark, catalog, folder=other, record=path)) == []
    assert kept.is_file()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("value,train", "train,value", ": the columns are not value, train, cohort"),
        (",24,3,kd,0.", ",24,3,kd,x", "csv:12: a score or `seconds` is missing or no number"),
        (",24,3,kd,0.", ",24,3,kd,nan,0.", "csv:12: a row has 9 cells"),
        (",24,3,kd,", ",24,3,dk,", "csv:12: the benchmark file has no entry 'dk'"),
        (",24,3,kd,", ",24,3,oracle,", "csv:12: the recipe or the cohort is not that of entry 'oracle'"),
        (",24,3,kd,", ",24,03,kd,", "csv:12: the benchmark file has no such cohort"),
        (",24,3,kd,", ",25,3,kd,", "csv:12: the benchmark file has no such cohort"),
        (",24,3,kd,", "weak,24,3,kd,", "csv:12: the benchmark file has no such cohort"),
        (",24,3,kd,", ",24,3,kd,0.5,", "csv:12: a row has 9 cells"),
        (",24,3,kd,", "x\n,24,3,kd,", "csv:12: the benchmark file has no such cohort"),
        (",24,3,kd,", "\r,24,3,kd,", "csv: not a CSV file after line"),
        (",24,3,kd,", '",24,3,kd,', "csv: not a CSV file after line"),
    ],
)
def test_a_damaged_record_is_one_message(record, tmp_path, catalog, old, new, said):
    path, _ = record
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(RunError, match=said):
        read_scores(plan_of(tmp_path, catalog), path)


def test_a_row_that_stands_there_twice_is_refused(record, tmp_path, catalog):
    path, _ = record
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join([*lines, lines[4]]), encoding="utf-8")
    with pytest.raises(RunError, match=rf"csv:{len(lines) + 1}: a second row of entry 'alone'"):
        read_scores(plan_of(tmp_path, catalog), path)


def test_results_of_other_code_are_taken_over_and_told_apart(record, tmp_path, catalog):
    path, _ = record
    plan = plan_of(tmp_path, catalog)
    key = plan.key("kd", plan.units[3])
    path.write_text(path.read_text(encoding="utf-8").replace(key, "0" * 12), encoding="utf-8")
    take_over(plan, path, tmp_path / "other")
    assert finished(plan, "kd", plan.units[3], tmp_path / "other") is not None
    assert scores_text(plan, results_in(plan, tmp_path / "other")) == path.read_text(encoding="utf-8")


def test_rows_of_cohorts_beyond_the_file_are_left_out(record, tmp_path, catalog):
    path, _ = record
    fresh = {**FRESH, "cohorts": 5}  # without `half_width`
    plan = FreshPlan(load_benchmark(write(tmp_path / "fewer", fresh_test=fresh)), catalog)
    assert {len(results) for results in read_scores(plan, path)["n24"].values()} == {5}


def test_a_record_that_is_missing(tmp_path, catalog):
    plan = FreshPlan(load_benchmark(write(tmp_path / "benchmark")), catalog)
    with pytest.raises(RunError, match=r"none\.csv"):
        read_scores(plan, tmp_path / "none.csv")
