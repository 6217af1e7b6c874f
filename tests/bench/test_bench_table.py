"""Tables: every figure is that of the statistics on the predictions, and nobody is ranked who should not be."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from bench.tiny_benchmark import benchmark, write_benchmark
from bench.toy_runs import make_known_run, make_run
from xdistill.bench.compare import Side, compare_two
from xdistill.bench.find import benchmark_of, benchmarks_in, one_record, records_of_entry, results
from xdistill.bench.load import load_benchmark
from xdistill.bench.records.verify import read_records
from xdistill.bench.run_index import records_of_runs
from xdistill.bench.table import Scored, standings, timed_sources
from xdistill.errors import RunError, UserError
from xdistill.runs import load_run
from xdistill.stats import corrected_resampled_t, holm

MANY = {
    "crossval": {"folds": 3, "repeats": 2},
    "entries": [
        {"name": "alone", "recipe": "alone.yaml"},
        {"name": "kd", "title": "KD", "recipe": "kd.yaml", "distilled": True},
        {"name": "other", "recipe": "kd.yaml"},
        {"name": "teacher", "of": "kd", "role": "teacher", "track": "privileged"},
        {"name": "tables", "recipe": "kd.yaml", "track": "privileged"},
        {"name": "majority", "recipe": "kd.yaml", "track": "control"},
    ],
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("many")


@pytest.fixture(scope="module")
def many(place):
    return load_benchmark(write_benchmark(place / "benchmarks", **MANY))


@pytest.fixture(scope="module")
def runs(place, many, catalog):
    """Finished runs of all entries but `other`."""
    for number, (entry, signal) in enumerate({"alone": 0.0, "kd": 4.0, "tables": 6.0, "majority": 0.0}.items()):
        options = {"teacher": 6.0} if entry == "kd" else {}
        make_known_run(place / "runs", many, entry, catalog, signal=signal, noise=number, **options)
    return place / "runs"


@pytest.fixture(scope="module")
def table(many, runs):
    return standings(many, records_of_runs(many, runs))


def by_name(table):
    return {standing.entry: standing for standing in table.entries}


def test_what_is_in_it(table):
    assert (table.name, table.title, table.reference, table.primary) == (
        "small",
        "A small benchmark",
        "alone",
        "auc_ovo",
    )
    assert table.metrics == ("auc_ovo", "f1_macro", "accuracy")
    assert table.missing == ("other",)
    assert table.reported_source == "A paper"
    assert [(one.entry, one.rank) for one in table.entries if one.rank] == [("kd", 1), ("alone", 2)]
    assert [one.track for one in table.entries] == ["student", "student", "control", "privileged", "privileged"]
    cohort = table.cohort
    assert (cohort.subjects, cohort.patients, cohort.folds, cohort.repeats) == (30, 30, 3, 2)
    assert (cohort.synthetic, cohort.classes, cohort.bounds) == (True, {"M0": 10, "M1": 10, "M2": 10}, {"image": 0.8})


def test_an_entry(table):
    kd = by_name(table)["kd"]
    assert (kd.title, kd.inputs, kd.parameters, kd.seconds, kd.seeds) == ("KD", ("hbp", "pre"), 1234, 2.0, 1)
    assert kd.run == ("0a1b2c3d4e5f",)
    assert kd.reported["auc_ovo"].mean == pytest.approx(0.7101)
    assert kd.reported["auc_ovo"].sd == pytest.approx(0.016)
    assert set(kd.calibration) == {"brier", "ece"}
    assert len(kd.calibration["brier"].folds) == 6
    assert 0 < kd.agreement.mean <= 1
    assert kd.gap.share.estimate == pytest.approx(kd.gap.gain.estimate / kd.gap.gap.estimate)
    assert by_name(table)["alone"].gap is None
    assert by_name(table)["alone"].agreement is None
    assert by_name(table)["teacher"].agreement is None


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record["seconds"].pop("at_once"),
        lambda record: record["seconds"]["at_once"].update({"r0-f0": 1}),
        lambda record: record["seconds"]["reused"].append("r0-f1"),
        lambda record: record["machine"].update(threads=4),
    ],
    ids=["not known", "one fold alone", "a teacher from the cache", "another machine"],
)
def test_times_are_left_out_where_they_cannot_be_compared(small, catalog, tmp_path, change):
    for entry in ("kd", "alone"):
        folder = make_known_run(tmp_path / "runs", small, entry, catalog, teacher=2.0 if entry == "kd" else None)
    path = folder / "record.json"
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
    table = standings(small, records_of_runs(small, tmp_path / "runs"))
    assert [one.seconds for one in table.entries] == [None] * len(table.entries)


def test_a_run_of_another_machine_leaves_the_times_of_the_others(small, catalog, tmp_path):
    make_known_run(tmp_path / "runs", small, "alone", catalog)
    (here,) = records_of_runs(small, tmp_path / "runs")
    elsewhere = replace(here, facts={**here.facts, "machine": {**here.facts["machine"], "threads": 4}})
    a, b, c = (
        Scored(small.entries["alone"].model_copy(update={"name": name}), (record,))
        for name, record in (("a", here), ("b", here), ("c", elsewhere))
    )
    assert timed_sources([a, b, c]) == {"a", "b"}
    assert timed_sources([a, c]) == frozenset()


def test_figures_are_those_of_the_statistics(runs, table):
    from sklearn.metrics import roc_auc_score

    scores = {
        name: np.array(
            [
                roc_auc_score(
                    fold.target, fold.probabilities / fold.probabilities.sum(axis=1, keepdims=True), multi_class="ovo"
                )
                for fold in load_run(runs / "tests" / f"{name}-0").predictions.of("student")
            ]
        )
        for name in ("alone", "kd")
    }
    row = by_name(table)["kd"].rows["auc_ovo"]
    assert row.scores.folds == pytest.approx(scores["kd"])
    differences = scores["kd"] - scores["alone"]
    assert row.against.splits == pytest.approx(differences)
    assert row.against.test.p_value == pytest.approx(corrected_resampled_t(differences.tolist(), 0.5).p_value)


def test_holm_counts_the_methods_of_one_track_alone(table):
    rows = {name: standing.rows["auc_ovo"].against for name, standing in by_name(table).items()}
    assert rows["alone"] is None
    assert rows["kd"].p_holm == rows["kd"].test.p_value, "the only method that is compared in the ranked track"
    assert rows["majority"].p_holm == rows["majority"].test.p_value
    raw = [rows[name].test.p_value for name in ("teacher", "tables")]
    assert [rows[name].p_holm for name in ("teacher", "tables")] == pytest.approx(holm(raw))
    assert all(row.reference == "alone" for row in rows.values() if row)


def test_bold_is_what_is_better_after_holm(table):
    standing = by_name(table)
    assert "auc_ovo" in standing["kd"].bold
    assert standing["alone"].bold == frozenset()
    assert standing["majority"].bold == frozenset()


def test_links_lead_from_the_page_to_the_reports(many, runs):
    (runs / "tests" / "kd-0" / "report.html").write_text("x")
    linked = standings(many, records_of_runs(many, runs), page=runs.parent / "pages" / "page.html")
    assert by_name(linked)["kd"].link == "../runs/tests/kd-0/report.html"
    assert by_name(linked)["alone"].link == ""


def test_without_the_reference_nothing_is_compared(many, tmp_path, catalog):
    make_known_run(tmp_path / "only", many, "kd", catalog, teacher=2.0)
    alone = standings(many, records_of_runs(many, tmp_path / "only"))
    assert [one.entry for one in alone.entries] == ["kd", "teacher"]
    assert all(row.against is None for one in alone.entries for row in one.rows.values())
    assert alone.missing == ("alone", "other", "tables", "majority")
    assert by_name(alone)["kd"].gap is None


def test_seeds_are_averaged_within_a_split(tmp_path, catalog):
    several = load_benchmark(write_benchmark(tmp_path / "several", seeds=[0, 1]))
    for seed in (0, 1):
        for entry in ("alone", "kd"):
            extra = {"teacher": 2.0} if entry == "kd" else {}
            make_known_run(tmp_path / "runs", several, entry, catalog, seed=seed, noise=seed, **extra)
    kd = by_name(standings(several, records_of_runs(several, tmp_path / "runs")))["kd"]
    each = [load_run(tmp_path / "runs" / "tests" / f"kd-{seed}").metrics["student"]["auc_ovo"] for seed in (0, 1)]
    assert kd.seeds == 2
    assert kd.rows["auc_ovo"].scores.folds == pytest.approx(np.mean([summary.folds for summary in each], axis=0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fingerprint": "ab" * 32}, "'kd' cannot be compared with 'alone': their cohort fingerprint differs"),
        ({"split_seed": 1}, "'kd' cannot be compared with 'alone': their split hash differs"),
    ],
)
def test_who_was_run_on_something_else_is_refused_by_name(small, tmp_path, catalog, options, message):
    make_known_run(tmp_path / "runs", small, "alone", catalog)
    make_known_run(tmp_path / "runs", small, "kd", catalog, teacher=1.0, **options)
    with pytest.raises(UserError, match=message):
        standings(small, records_of_runs(small, tmp_path / "runs"))


def test_a_run_of_another_recipe_is_refused(tmp_path, catalog):
    before = load_benchmark(write_benchmark(tmp_path / "benchmarks"))
    make_known_run(tmp_path / "runs", before, "alone", catalog)
    after = load_benchmark(write_benchmark(tmp_path / "benchmarks", set={"optimizer.lr": 0.5}))
    with pytest.raises(RunError, match=r"`optimizer` of its recipe differs from entry 'alone'"):
        records_of_runs(after, tmp_path / "runs")


def test_where_results_come_from(submitted, tmp_path, catalog):
    runs = tmp_path / "runs"
    assert {record.report for record in results(submitted, source=None, runs=runs)} == {None}
    make_known_run(runs, submitted, "alone", catalog)
    assert [record.entry for record in results(submitted, source=None, runs=runs)] == ["alone"]
    assert len(results(submitted, source="records", runs=runs)) == 2
    with pytest.raises(RunError, match="no finished run of the benchmark 'small' is in this folder"):
        results(submitted, source="runs", runs=tmp_path)


def test_records_and_runs_give_the_same_table(many, runs, table, catalog):
    from xdistill.bench.records.submit import submit

    for entry in ("alone", "kd", "tables", "majority"):
        submit(load_run(runs / "tests" / f"{entry}-0"), many, entry, catalog=catalog)
    assert standings(many, read_records(many)) == table


EXPECT = {
    "better": {"entry": "kd", "against": "alone", "outcome": "better"},
    "not": {"entry": "kd", "against": "alone", "outcome": "not_better"},
    "any": {"any_of": ["other", "kd"], "against": "alone", "outcome": "better"},
    "open": {"any_of": ["other", "alone"], "against": "kd", "outcome": "better"},
    "gone": {"entry": "other", "against": "alone", "outcome": "not_better"},
}


def test_expectations(tmp_path, runs):
    control = load_benchmark(write_benchmark(tmp_path / "benchmarks", **MANY, expect=list(EXPECT.values())))
    judged = dict(zip(EXPECT, standings(control, records_of_runs(control, runs)).expectations, strict=True))
    assert {name: one.holds for name, one in judged.items()} == {
        "better": True,
        "not": False,
        "any": True,
        "open": None,
        "gone": None,
    }
    assert judged["better"].text == "kd is better than alone"
    assert judged["any"].text == "other or kd is better than alone"
    assert "kd: difference in auc_ovo +0." in judged["better"].evidence
    assert "Holm-adjusted p 0.0" in judged["better"].evidence
    assert judged["gone"].evidence == "no results yet"


def test_a_control_that_does_not_hold_is_no_true_benchmark(template, tmp_path):
    import shutil

    from xdistill.bench.check import check

    shutil.copytree(template, tmp_path / "benchmarks")
    expect = [{"entry": "kd", "against": "alone", "outcome": "better"}]
    control = load_benchmark(write_benchmark(tmp_path / "benchmarks", expect=expect))
    (problem,) = check(control).problems
    assert "small.yaml: the control does not hold: kd is better than alone (kd: difference in auc_ovo" in problem


def test_two_by_themselves(runs, table):
    sides = [Side(name, (one_record(runs / "tests" / f"{name}-0"),)) for name in ("kd", "alone")]
    for (row, other), metric in zip(compare_two(*sides), ("auc_ovo", "f1_macro", "accuracy"), strict=True):
        expected = by_name(table)["kd"].rows[metric]
        assert row.against.test == expected.against.test
        assert row.against.paper_compat.kind == "naive paired t (anticonservative)"
        assert other.scores == by_name(table)["alone"].rows[metric].scores
    with pytest.raises(UserError, match="'kd' cannot be compared with itself"):
        compare_two(sides[0], sides[0])


def test_one_record_of_a_record_and_of_a_run(submitted, tmp_path, catalog):
    assert one_record(submitted.records / "kd").entry == "kd"
    assert one_record(make_run(tmp_path / "run", submitted, "kd", catalog)).entry == "tests/kd"
    with pytest.raises(RunError, match="not the folder of a run"):
        one_record(tmp_path)


def test_entries_without_results(submitted):
    found = read_records(submitted)
    assert [record.seed for record in records_of_entry(submitted, "teacher", found)] == [0]
    with pytest.raises(UserError, match="the entry 'kd' of the benchmark 'small' has no results yet"):
        records_of_entry(submitted, "kd", found[:1])


def test_the_benchmark_of_a_folder_of_records(submitted, tmp_path):
    assert benchmark_of(submitted.records).path == submitted.path
    assert [one.name for one in benchmarks_in(submitted.path.parent)] == ["small"]
    with pytest.raises(UserError, match="name its file with --benchmark"):
        benchmark_of(tmp_path / "elsewhere" / "small")
    (submitted.path.parent / "records" / "lost" / "kd").mkdir(parents=True)
    with pytest.raises(UserError, match="lost: these records belong to none of the benchmark files"):
        benchmarks_in(submitted.path.parent)
    with pytest.raises(UserError, match="there is no benchmark file with records here"):
        benchmarks_in(tmp_path)


def test_the_small_benchmark_is_what_the_tests_think(small):
    assert small.file.entries[1].set == benchmark()["entries"][1]["set"]
