"""`xdistill bench` with `--trials`: what was tuned for a try is seen again with the same option, and only with it."""

import json

import pytest

from bench.test_bench_tuned import SEARCH
from bench.tiny_benchmark import alone, kd, write_benchmark
from bench.toy_runs import make_known_run
from xdistill.bench.find import results
from xdistill.bench.load import load_benchmark
from xdistill.errors import RunError
from xdistill.recipe.yaml.writer import write_yaml


@pytest.fixture
def tuned_for_a_try(tmp_path, catalog, monkeypatch):
    """Finished runs of `bench run --trials 5`, of a benchmark whose file wants no trials."""
    monkeypatch.chdir(tmp_path)
    write_benchmark(tmp_path)
    search = {"tune": SEARCH | {"trials": 9}}
    (tmp_path / "alone.yaml").write_text(write_yaml(alone() | search), encoding="utf-8")
    (tmp_path / "kd.yaml").write_text(write_yaml(kd() | search), encoding="utf-8")
    benchmark = load_benchmark(tmp_path / "small.yaml").with_splits(trials=5)
    for entry, options in (("alone", {}), ("kd", {"signal": 3.0, "teacher": 4.0, "noise": 1})):
        folder = make_known_run(tmp_path / "runs", benchmark, entry, catalog, **options)
        path = folder / "record.json"
        record = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(record | {"tuned": {"study": "0a1b", "folds": {}}}), encoding="utf-8")
    return benchmark


@pytest.mark.usefixtures("tuned_for_a_try")
def test_a_benchmark_tuned_for_a_try_is_seen_with_the_same_option(xdistill):
    shown = xdistill("bench", "show", "small.yaml", "--trials", "5")
    assert shown.code == 0, shown.err
    assert shown.out.startswith("A small benchmark, tuned with 5 trials per search")
    assert "Student alone" in shown.out
    exported = xdistill("bench", "export", "small.yaml", "--trials", "5", "--format", "json")
    assert [entry["entry"] for entry in json.loads(exported.out)["entries"]][:2] == ["kd", "alone"]
    compared = xdistill("bench", "compare", "kd", "alone", "--benchmark", "small.yaml", "--trials", "5")
    assert compared.code == 0, compared.err
    assert "A: kd\nB: alone" in compared.out


@pytest.mark.usefixtures("tuned_for_a_try")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["show", "small.yaml"], "the benchmark 'small' has no results"),
        (
            ["show", "small.yaml", "--trials", "6"],
            "no finished run of the benchmark 'small' with --trials 6 is in this folder",
        ),
        (["export", "small.yaml", "--trials", "5", "--folds", "2", "--format", "md"], "with --folds 2 --trials 5"),
        (
            ["compare", "kd", "alone", "--benchmark", "small.yaml", "--repeats", "2"],
            "with --repeats 2 is in this folder",
        ),
        (["compare", "runs", "runs", "--trials", "5"], "--trials selects runs of a benchmark"),
        (["show", "small.yaml", "--trials", "0"], "greater than or equal to 1"),
    ],
)
def test_another_number_of_trials_is_another_benchmark(xdistill, arguments, told):
    ended = xdistill("bench", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert told in " ".join(ended.err.split())


@pytest.mark.usefixtures("tuned_for_a_try")
def test_records_are_never_those_of_a_try(tuned_for_a_try, xdistill, tmp_path, catalog):
    folder = make_known_run(tmp_path / "others", load_benchmark(tmp_path / "small.yaml"), "alone", catalog)
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    del record["recipe"]["tune"]  # as `xdistill run` leaves it
    (folder / "record.json").write_text(json.dumps(record), encoding="utf-8")
    assert xdistill("bench", "submit", "small.yaml", "--runs", "others").code == 0
    assert xdistill("bench", "show", "small.yaml", "--runs", "nowhere").code == 0
    ended = xdistill("bench", "show", "small.yaml", "--trials", "5", "--runs", "nowhere")
    assert ended.code == 2
    assert "with --trials 5 is in this folder" in ended.err
    with pytest.raises(RunError, match=r"tune\.trials"):
        results(tuned_for_a_try, source="records", runs=tmp_path)
