"""What the repository publishes is what its records say."""

from pathlib import Path

import pytest

from xdistill.bench.check import check
from xdistill.bench.fresh.plan import FreshPlan
from xdistill.bench.fresh.schema import SCORES
from xdistill.bench.fresh.scores import read_scores
from xdistill.bench.fresh.table import gain_table
from xdistill.bench.fresh.text import render_gains
from xdistill.bench.load import load_benchmark

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
FRESH = sorted(path for path in BENCHMARKS.glob("*.yaml") if (BENCHMARKS / "records" / path.stem / SCORES).is_file())
FILES = sorted(
    path for path in BENCHMARKS.glob("*.yaml") if (BENCHMARKS / "records" / path.stem).is_dir() and path not in FRESH
)


def test_every_benchmark_has_records():
    on_folds = {path.stem for path in BENCHMARKS.glob("*.yaml") if load_benchmark(path).file.fresh_test is None}
    assert on_folds == {path.stem for path in FILES}


@pytest.fixture(autouse=True)
def data(monkeypatch, tmp_path):
    """A benchmark of real data can be checked by who does not have them."""
    monkeypatch.setenv("XDISTILL_DATA", str(tmp_path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_records_expectations_and_leaderboard_are_true(path):
    verdict = check(load_benchmark(path))
    assert verdict.problems == ()
    assert verdict.records


def test_every_benchmark_is_on_the_leaderboard():
    page = (BENCHMARKS / "LEADERBOARD.md").read_text(encoding="utf-8")
    for path in FILES:
        assert load_benchmark(path).file.title in page


def test_no_record_holds_a_picture_or_a_name():
    kinds = {path.suffix for path in (BENCHMARKS / "records").rglob("[!.]*") if path.is_file()}
    assert kinds == {".csv", ".json"}
    for path in (BENCHMARKS / "records" / "acdc").rglob("*.*"):
        assert "patient0" not in path.read_text(encoding="utf-8"), path


def test_some_scores_of_generated_cohorts_are_published():
    assert {path.stem for path in FRESH} == {"flagship", "gain", "gain_20_epochs", "unlabelled"}


@pytest.mark.parametrize("path", FRESH, ids=lambda path: path.stem)
def test_the_pages_on_generated_cohorts_hold_the_table_of_each_record(path, catalog):
    plan = FreshPlan(load_benchmark(path), catalog)
    table = gain_table(plan, read_scores(plan, path.parent / "records" / path.stem / SCORES))
    docs = BENCHMARKS.parent / "docs"
    page = "\n".join((docs / name).read_text(encoding="utf-8") for name in ("gain.md", "gain-tables.md")) + "\n"
    for rows in (part for part in render_gains(table, "md").split("\n\n") if part.startswith("|")):
        assert f"\n\n{rows.strip()}\n\n" in page
