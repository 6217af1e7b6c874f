"""Running a benchmark for real: every entry, once, whatever happens to one of them."""

from __future__ import annotations

from contextlib import closing

import pytest

from bench.tiny_benchmark import benchmark, write_benchmark
from xdistill.bench.entry import EntryFailed, EntryFinished, EntryStarted
from xdistill.bench.load import load_benchmark
from xdistill.bench.records.submit import submit
from xdistill.bench.records.verify import verify_records
from xdistill.bench.run import planned, run_benchmark
from xdistill.bench.run_index import known_runs, notes, records_of_runs
from xdistill.bench.table import standings
from xdistill.crossval.events import FoldFinished, FoldStarted, RunStarted
from xdistill.errors import RecipeError, RunError, UserError
from xdistill.runs import load_run

BROKEN = {"name": "broken", "recipe": "kd.yaml", "set": {"student.branches.hbp.inputs": ["clinical"]}}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("benchmark")


@pytest.fixture(scope="module")
def small(place):
    return load_benchmark(write_benchmark(place / "benchmarks", entries=[BROKEN, *benchmark()["entries"]]))


@pytest.fixture(scope="module")
def events(place, small, catalog, shared_cache):
    """What a first start says; one of the entries cannot be run."""
    return list(run_benchmark(small, catalog, runs=place / "runs", cache=shared_cache))


def test_a_failed_entry_does_not_keep_the_others_from_running(events):
    started = [(event.entry, event.place, event.total) for event in events if isinstance(event, EntryStarted)]
    assert started == [("broken", 1, 3), ("alone", 2, 3), ("kd", 3, 3)]
    (failed,) = [event for event in events if isinstance(event, EntryFailed)]
    assert failed.entry == "broken"
    assert "clinical" in failed.message
    assert [event.entry for event in events if isinstance(event, EntryFinished)] == ["alone", "kd"]
    assert sum(isinstance(event, FoldFinished) for event in events) == 6


def test_finished_runs_have_a_report_and_are_found_at_once(events, place, small, catalog, shared_cache):
    paths = [event.path for event in events if isinstance(event, EntryFinished)]
    for path in paths:
        assert (load_run(path).path / "report.html").is_file()
    again = list(run_benchmark(small, catalog, runs=place / "runs", cache=shared_cache, only=["alone", "teacher"]))
    assert [event.path for event in again if isinstance(event, EntryFinished)] == paths
    assert not any(isinstance(event, (RunStarted, FoldStarted)) for event in again)


def test_a_start_that_was_stopped_goes_on(place, small, catalog, shared_cache):
    first = run_benchmark(small, catalog, runs=place / "stopped", cache=shared_cache, only=["alone"])
    with closing(first):
        for event in first:
            if isinstance(event, FoldFinished):
                break
    assert known_runs(small, place / "stopped") == ()
    with pytest.raises(RunError, match="no finished run of the benchmark 'small' is in this folder"):
        records_of_runs(small, place / "stopped")
    rest = list(run_benchmark(small, catalog, runs=place / "stopped", cache=shared_cache, only=["alone"]))
    assert next(event for event in rest if isinstance(event, RunStarted)).finished == ("r0-f0",)
    assert isinstance(rest[-1], EntryFinished)


def test_runs_become_a_table_and_records(events, place, small, catalog):
    table = standings(small, records_of_runs(small, place / "runs"))
    assert {one.entry for one in table.entries} == {"alone", "kd", "teacher"}
    assert table.missing == ("broken",)
    kd = next(one for one in table.entries if one.entry == "kd")
    run = load_run(next(event.path for event in events if isinstance(event, EntryFinished) and event.entry == "kd"))
    assert kd.rows["accuracy"].scores.mean == pytest.approx(run.metrics["student"]["accuracy"].mean)
    assert kd.inputs == ("hbp", "pre")
    for known in known_runs(small, place / "runs"):
        submit(load_run(known.path), small, known.entry, catalog=catalog)
    assert verify_records(small).problems == ()
    text = "".join(file.read_text() for file in small.records.rglob("*") if file.is_file())
    assert "phantom-0" not in text, "subject ids stay at home"
    assert str(place) not in text


def test_damaged_notes(place, small):
    (note,) = notes(small, place / "stopped").iterdir()
    assert note.name == "alone.seed0.1x3.json"
    note.write_text("{}")
    with pytest.raises(RunError, match=r"alone.seed0.1x3.json: this is not the path of a run; delete the file"):
        known_runs(small, place / "stopped")


def test_what_is_run(small):
    assert planned(small, []) == [("broken", 0), ("alone", 0), ("kd", 0)]
    assert planned(small, ["teacher"]) == [("kd", 0)]
    with pytest.raises(RecipeError, match="no entry 'techer'; did you mean `teacher`"):
        planned(small, ["techer"])


@pytest.mark.slow
def test_whole_entries_at_the_same_time(events, place, small, catalog, shared_cache):
    """They end in the same runs, and one that is broken is told beside them."""
    paths = {event.entry: load_run(event.path).path.name for event in events if isinstance(event, EntryFinished)}
    runs = place / "whole"
    flags = {"executor.jobs": 2}
    whole = list(run_benchmark(small, catalog, runs=runs, cache=shared_cache, flags=flags, whole=True))
    assert {event.entry: event.place for event in whole if isinstance(event, EntryStarted)} == {
        "broken": 1,
        "alone": 2,
        "kd": 3,
    }
    (failed,) = [event for event in whole if isinstance(event, EntryFailed)]
    assert "clinical" in failed.message
    ended = [event for event in whole if isinstance(event, EntryFinished)]
    assert {event.entry: load_run(event.path).path.name for event in ended} == paths
    assert {known.entry for known in known_runs(small, runs)} == {"alone", "kd"}
    for event in ended:
        other = place / "runs" / load_run(event.path).path.relative_to(runs.resolve()) / "predictions.csv"
        assert (load_run(event.path).path / "predictions.csv").read_bytes() == other.read_bytes()
        assert (load_run(event.path).path / "report.html").is_file()


def test_whole_entries_on_the_accelerators_of_one_machine(small, catalog, tmp_path):
    flags = {"compute.accelerator": "cuda"}
    with pytest.raises(UserError, match="all use the first accelerator of this machine; leave out --whole"):
        list(run_benchmark(small, catalog, runs=tmp_path, flags=flags, only=["alone"], whole=True))
