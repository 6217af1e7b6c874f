"""Cohorts until intervals are narrow: `half_width` of benchmarks on generated cohorts."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.tiny_fresh import FRESH, write
from xdistill.bench.fresh import run
from xdistill.bench.fresh.precision import LEAST
from xdistill.bench.fresh.results import FORMAT, FORMAT_VERSION, Result, result_path
from xdistill.bench.fresh.table import gain_table
from xdistill.bench.fresh.text import notes
from xdistill.bench.load import load_benchmark
from xdistill.errors import RecipeError
from xdistill.runs.files import write_json

SPREAD = {"alone": 0.0, "kd": 0.02, "oracle": 0.001}
"""Standard deviation of the score, by entry."""


class Trainer:
    """Writes results with scores of a known spread in place of training, and counts."""

    def __init__(self, folder, fails=()):
        self.folder, self.fails, self.rounds = folder, fails, []

    def __call__(self, plan, jobs):
        self.rounds.append([(job.name, tuple(job.payload["entries"])) for job in jobs])
        for job in jobs:
            unit = plan.units[job.payload["unit"]]
            for entry in job.payload["entries"]:
                if (unit.number, entry) in self.fails:
                    continue
                noise = np.random.default_rng([unit.number, len(entry)]).normal()
                keys = {"key": plan.key(entry, unit), "recipe_key": plan.key(entry, unit, with_code=False)}
                scores = {"student": 0.6 + SPREAD[entry] * noise}
                result = Result(entry=entry, run="", scores=scores, seconds=1.0, facts={}, **keys)
                path = result_path(self.folder, unit, entry)
                path.parent.mkdir(parents=True, exist_ok=True)
                write_json(path, {"format": FORMAT, "format_version": FORMAT_VERSION, **result.__dict__})
        return iter(())


def trained(tmp_path, catalog, monkeypatch, *, fails=(), only=(), **changes):
    """The rounds of a run, and the table."""
    fresh = {**FRESH, "cohorts": 100, "half_width": 0.5, **changes}
    benchmark = load_benchmark(write(tmp_path / "benchmark", fresh_test=fresh))
    trainer = Trainer(tmp_path / "results", fails)
    monkeypatch.setattr(run, "_trained", trainer)
    assert list(run.run_fresh(benchmark, catalog, folder=trainer.folder, only=only)) == []
    return trainer.rounds, gain_table(benchmark, catalog, trainer.folder)


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
