"""A benchmark that gives every entry the same number of trials."""

from copy import deepcopy

import pytest

from bench.test_bench_verify import change
from bench.tiny_benchmark import alone, write_benchmark
from xdistill.bench.check import check
from xdistill.bench.entry import EntryFinished
from xdistill.bench.load import load_benchmark
from xdistill.bench.recipes import departure, entry_recipe
from xdistill.bench.records.submit import submit
from xdistill.bench.records.tuned import could_choose
from xdistill.bench.records.verify import read_records, verify_records
from xdistill.bench.replay import replay
from xdistill.bench.run import run_benchmark
from xdistill.bench.run_index import known_runs, records_of_runs
from xdistill.bench.table import standings
from xdistill.recipe.schema.tuning import Search
from xdistill.recipe.yaml.writer import write_yaml
from xdistill.runs import load_run

SEARCH = {"folds": 2, "space": {"optimizer.lr": {"choices": [0.001, 0.01]}}}


@pytest.fixture
def folder(tmp_path):
    write_benchmark(tmp_path, trials=2, crossval={"folds": 2})
    (tmp_path / "alone.yaml").write_text(write_yaml(alone() | {"tune": SEARCH}), encoding="utf-8")
    return tmp_path


def test_each_entry_with_a_search_gets_the_trials_of_the_benchmark(folder):
    benchmark = load_benchmark(folder / "small.yaml")
    assert entry_recipe(benchmark, "alone", 0).recipe.tune.trials == 2
    assert entry_recipe(benchmark.with_splits(trials=7), "alone", 0).recipe.tune.trials == 7
    assert entry_recipe(benchmark, "kd", 0).recipe.tune is None, "it searches nothing, and is run as it is"


def test_a_tuned_run_is_no_run_of_a_benchmark_without_trials_and_the_other_way_round(folder):
    benchmark = load_benchmark(folder / "small.yaml")
    plain = {"seed": 0, "crossval": benchmark.file.crossval.model_dump(mode="json")}
    assert departure(benchmark, "alone", plain) == "tune.trials"
    assert departure(benchmark, "alone", {**plain, "tune": {"trials": 3}}) == "tune.trials"
    assert departure(benchmark, "kd", {**plain, "tune": {"trials": 2}}) == "tune"
    assert departure(benchmark, "alone", {**plain, "tune": {"trials": 2}}) not in {"tune", "tune.trials"}


def test_a_search_can_choose_what_lies_in_its_space():
    rate, width, fusion = Search(low=0.1, high=1), Search(low=1, high=4, int=True), Search(choices=({"use": "a"}, 1))
    assert [could_choose(rate, value) for value in (0.1, 1, 1.01, True, "1")] == [True, True, False, False, False]
    assert [could_choose(width, value) for value in (4, 2.0, 5)] == [True, False, False]
    assert [could_choose(fusion, value) for value in ({"use": "a"}, {"use": "b"}, 1, True)] == [
        True,
        False,
        True,
        False,
    ]


def test_a_tuned_entry_is_run_found_again_and_made_a_record(folder, catalog, shared_cache):
    benchmark = load_benchmark(folder / "small.yaml")
    where = {"runs": folder / "runs", "cache": shared_cache, "studies": folder / "tune", "only": ["alone"]}
    events = list(run_benchmark(benchmark, catalog, **where))
    assert [event.entry for event in events if isinstance(event, EntryFinished)] == ["alone"]
    (known,) = known_runs(benchmark, folder / "runs")
    run = load_run(known.path)
    assert run.name == "tests/alone-tuned"
    assert (run.path / "report.html").is_file()
    assert not known_runs(benchmark.with_splits(trials=3), folder / "runs")
    (record,) = records_of_runs(benchmark, folder / "runs")
    assert record.facts["tuned"]["folds"].keys() == {"r0-f0", "r0-f1"}
    assert sum(record.facts["tuned"]["folds"]["r0-f0"]["trials"].values()) == 2
    submit(run, benchmark, "alone", catalog=catalog)
    assert verify_records(benchmark).problems == ()
    (submitted,) = read_records(benchmark)
    again = replay(benchmark, submitted, count=1, catalog=catalog, cache=shared_cache)
    assert again.identical, "trained again with the settings that the search of this fold chose"
    invented = deepcopy(submitted.facts["tuned"])
    invented["folds"]["r0-f0"]["settings"] = {"optimizer.lr": 0.5}
    change(benchmark.records / "alone" / "record.json", tuned=invented)
    assert "the benchmark's search cannot have chosen `optimizer.lr` = 0.5" in "\n".join(check(benchmark).problems)
    assert standings(benchmark, [record]).title == "A small benchmark, tuned with 2 trials per search"
