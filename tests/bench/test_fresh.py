"""Benchmarks on generated cohorts."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ttest_rel

from bench.tiny_fresh import FRESH, table_of, write
from xdistill.bench.export.figure import write_figure
from xdistill.bench.find import results
from xdistill.bench.fresh.figure import gain_figure
from xdistill.bench.fresh.plan import FreshPlan, cohort_seed, units
from xdistill.bench.fresh.results import read_result, recomputed, result_path, results_in
from xdistill.bench.fresh.run import run_fresh
from xdistill.bench.fresh.schema import SCORES, FreshTest
from xdistill.bench.fresh.scores import read_scores, scores_text
from xdistill.bench.fresh.text import render_gains
from xdistill.bench.fresh.verify import retrain
from xdistill.bench.load import load_benchmark
from xdistill.crossval.events import RunFinished
from xdistill.crossval.execute import execute
from xdistill.errors import RecipeError, RunError, UserError
from xdistill.runs import load_run
from xdistill.stats import METRICS
from xdistill.stats.areas import expected_auc_ovo


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("fresh")


@pytest.fixture(scope="module")
def benchmark(place):
    return load_benchmark(write(place / "benchmarks"))


@pytest.fixture(scope="module")
def folder(place):
    return place / "results"


@pytest.fixture(scope="module")
def events(benchmark, catalog, folder):
    """What a run says that was stopped after the first cohort and started again."""
    first = run_fresh(benchmark, catalog, folder=folder)
    stopped = next(first)
    first.close()
    return [stopped, *run_fresh(benchmark, catalog, folder=folder)]


@pytest.fixture(scope="module")
def table(events, benchmark, catalog, folder):
    assert events
    return table_of(benchmark, catalog, folder)


def test_nothing_is_trained_twice(events, benchmark, catalog, folder):
    assert sorted(event.unit for event in events) == ["n24-c000", "n24-c001"]
    assert [event.trained for event in events] == [3, 3]
    assert not any(event.failed for event in events)
    assert list(run_fresh(benchmark, catalog, folder=folder)) == []


@pytest.mark.usefixtures("events")
def test_a_lost_result_alone_is_trained_again(benchmark, catalog, folder):
    path = result_path(folder, units(benchmark.file.fresh_test)[0], "kd")
    before = read_result(path)
    path.unlink()
    (event,) = run_fresh(benchmark, catalog, folder=folder)
    assert (event.unit, event.trained) == ("n24-c000", 1)
    assert read_result(path).scores == before.scores


@pytest.mark.usefixtures("events")
def test_cohorts_and_runs_are_removed(folder):
    assert not list(folder.rglob("*.h5"))
    assert not list(folder.rglob("record.json"))


@pytest.mark.usefixtures("events")
def test_results_are_those_of_an_ordinary_run(benchmark, catalog, folder, tmp_path):
    plan = FreshPlan(benchmark, catalog)
    unit = plan.units[0]
    *_, last = execute(plan.recipe("kd", unit), catalog, runs=tmp_path / "runs", cache=tmp_path / "cache")
    assert isinstance(last, RunFinished)
    run, path = load_run(last.path), result_path(folder, unit, "kd")
    kept = read_result(path)
    assert kept.run == run.path.name
    with np.load(path.with_suffix(".npz")) as arrays:
        assert (
            METRICS["auc_ovo"](arrays["target"], arrays["probabilities"], "012")
            == run.metrics["student"]["auc_ovo"].mean
        )
        assert kept.scores["student"] == expected_auc_ovo(arrays["truth"], arrays["probabilities"])
    assert recomputed(path, "auc_ovo", ("M0", "M1", "M2")) == kept.scores["student"]
    assert len(run.predictions.pooled("student").subjects) == 40


@pytest.mark.usefixtures("events")
def test_a_result_that_is_trained_again_has_the_same_score(events, benchmark, catalog, folder, tmp_path):
    assert events
    plan = FreshPlan(benchmark, catalog)
    path = tmp_path / SCORES
    path.write_text(scores_text(plan, results_in(plan, folder)), encoding="utf-8")
    told = []
    again = retrain(plan, read_scores(plan, path), count=1, only=["alone"], on_event=told.append)
    assert [(one.entry, one.identical, one.same_code) for one in again] == [("alone", True, True)]
    assert [(event.unit, event.trained) for event in told] == [(again[0].cohort, 1)]


def test_changed_probabilities_are_noticed(benchmark, folder):
    path = result_path(folder, units(benchmark.file.fresh_test)[1], "alone")
    whole = path.with_suffix(".npz").read_bytes()
    path.with_suffix(".npz").write_bytes(whole[:-1])
    with pytest.raises(RunError, match="probabilities were changed"):
        recomputed(path, "auc_ovo", ("M0", "M1", "M2"))
    path.with_suffix(".npz").write_bytes(whole)


def test_the_gain_is_a_paired_test_over_cohorts(table, benchmark, folder):
    cohorts = units(benchmark.file.fresh_test)
    scores = {
        entry: [read_result(result_path(folder, unit, entry)).scores["student"] for unit in cohorts]
        for entry in ("alone", "kd")
    }
    (gain,) = [gain for gain in table.gains if gain.entry == "kd"]
    assert gain.difference.mean == pytest.approx(np.mean(scores["kd"]) - np.mean(scores["alone"]))
    assert gain.difference.p_value == pytest.approx(ttest_rel(scores["kd"], scores["alone"]).pvalue)
    assert gain.p_holm >= gain.difference.p_value
    assert (table.comparisons, table.found, table.wanted) == (2, 6, 6)
    assert [gain.entry for gain in table.gains] == ["alone", "kd", "oracle"]


def test_formats_hold_the_same_figures(table):
    rows = list(csv.DictReader(io.StringIO(render_gains(table, "csv"))))
    plain = json.loads(render_gains(table, "json"))["gains"]
    assert [float(row["score"]) for row in rows] == [gain["score"] for gain in plain]
    assert rows[1]["gain"] == str(plain[1]["difference"]["mean"])
    assert f"{100 * plain[1]['difference']['mean']:+.2f}" in render_gains(table, "md")
    with pytest.raises(UserError, match="and not as latex"):
        render_gains(table, "latex")


def test_the_figure_has_a_panel_for_each_effect(table, tmp_path):
    again = tuple(replace(gain, value=value) for value in ("null", "strong") for gain in table.gains)
    panels = gain_figure(replace(table, gains=again, setting="effect")).axes
    assert [panel.get_title(loc="left") for panel in panels] == ["effect: null", "effect: strong"]
    assert len(panels[0].containers) == 2
    for name in ("one.svg", "two.svg"):
        write_figure(gain_figure(table), tmp_path / name, salt=table.name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


@pytest.mark.usefixtures("events")
def test_results_of_another_recipe_do_not_count(place, catalog, folder):
    other = load_benchmark(write(place / "other", set={"augment": [], "optimizer.lr": 0.5}))
    with pytest.raises(UserError, match="the benchmark 'fresh' has no results yet"):
        table_of(other, catalog, folder)


def test_methods_share_cohorts_and_cohorts_differ(benchmark, catalog):
    plan = FreshPlan(benchmark, catalog)
    data = [[plan.recipe(entry, unit).tree()["data"] for entry in plan.experiments] for unit in plan.units]
    assert all(one == first for first, *others in data for one in others)
    assert len({first["seed"] for first, *_ in data}) == 2
    again = FreshTest(**{**FRESH, "seed": 1})
    assert cohort_seed(again, plan.units[0]) != cohort_seed(plan.fresh, plan.units[0])


def test_cohorts_come_in_turns():
    """A benchmark that was stopped has results of every value and size."""
    fresh = FreshTest(subjects=9, train=(5, 7), cohorts=(2, 3), vary={"noise": (1, 2)})
    assert [unit.name for unit in units(fresh)] == [
        "1-n5-c000", "1-n7-c000", "2-n5-c000", "2-n7-c000", "1-n5-c001", "1-n7-c001", "2-n5-c001", "2-n7-c001",
        "1-n7-c002", "2-n7-c002",
    ]  # fmt: skip


def test_data_that_cannot_be_generated_are_refused(tmp_path, catalog):
    digits = {"data": {"use": "digits"}, "fresh_test": {"subjects": 40, "train": [24], "cohorts": 2}}
    with pytest.raises(UserError, match="the subjects of the data set `digits` are not generated"):
        next(run_fresh(load_benchmark(write(tmp_path, **digits)), catalog, folder=tmp_path / "results"))


def test_a_setting_that_the_data_set_refuses_is_named(tmp_path, catalog):
    path = write(tmp_path, fresh_test={**FRESH, "vary": {"effect": ["weak"]}})
    with pytest.raises(RecipeError, match="effect"):
        next(run_fresh(load_benchmark(path), catalog, folder=tmp_path / "results"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crossval": {"folds": 3}}, "`crossval` has no effect with `fresh_test`"),
        ({"fresh_test": {**FRESH, "oracle": "orakle"}}, "there is no entry 'orakle'"),
        ({"fresh_test": {**FRESH, "cohorts": [2, 3]}}, "`cohorts` has 2 numbers and `train` 1"),
        ({"fresh_test": {**FRESH, "cohorts": 1}}, "greater than or equal to 2|at least 2|>= 2"),
        ({"fresh_test": {**FRESH, "train": [24, 24]}}, "stands in `train` twice"),
        ({"fresh_test": {**FRESH, "half_width": 0.5}}, "with `half_width`, `cohorts` is at least 10"),
    ],
)
def test_wrong_files_are_refused(tmp_path, changes, message):
    with pytest.raises(RecipeError, match=message):
        load_benchmark(write(tmp_path, **changes))


def test_there_are_no_records_to_compare(benchmark, tmp_path):
    with pytest.raises(RunError, match="there are no runs and records of folds to look at"):
        results(benchmark, source=None, runs=tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fresh_test": {**FRESH, "truth": "clinical"}}, "'clinical' is not a modality with one logit for each class"),
        ({"fresh_test": {**FRESH, "truth": "truht"}}, "'truth' can be"),
        ({"primary": "f1_macro"}, "`truth` is only for `primary: auc_ovo`"),
    ],
)
def test_scores_by_the_truth_need_its_logits(change, said, catalog, tmp_path):
    with pytest.raises(RecipeError, match=said):
        FreshPlan(load_benchmark(write(tmp_path, **change)), catalog)


def test_an_entry_without_the_network_that_is_scored_is_refused(catalog, tmp_path):
    entries = [{"name": "alone", "recipe": "alone.yaml"}, {"name": "kd", "recipe": "alone.yaml", "role": "teacher"}]
    fresh = {name: value for name, value in FRESH.items() if name != "oracle"}
    benchmark = load_benchmark(write(tmp_path, entries=entries, fresh_test=fresh))
    with pytest.raises(RecipeError, match="the recipe of 'kd' has no teacher to score"):
        next(run_fresh(benchmark, catalog, folder=tmp_path / "results"))


def test_labels_and_true_probabilities_are_different_keys(benchmark, catalog, tmp_path):
    without = {name: value for name, value in FRESH.items() if name != "truth"}
    other = FreshPlan(load_benchmark(write(tmp_path, fresh_test=without)), catalog)
    plan = FreshPlan(benchmark, catalog)
    assert plan.key("kd", plan.units[0], with_code=False) != other.key("kd", other.units[0], with_code=False)
