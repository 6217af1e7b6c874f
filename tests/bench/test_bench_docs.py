"""The pages about benchmarks are true."""

from __future__ import annotations

import re

import pytest

from bench.tiny_benchmark import write_benchmark
from docs.pages import DOCS, blocks
from xdistill.bench import load
from xdistill.bench.records import facts
from xdistill.bench.records.record import DIGITS
from xdistill.bench.schema import BenchmarkFile, Entry
from xdistill.recipe.yaml.nodes import to_plain
from xdistill.recipe.yaml.reader import read_yaml
from xdistill.recipe.yaml.writer import write_yaml
from xdistill.tasks.classification import TOLERANCE

PAGES = ("docs/benchmarks.md", "docs/formats/benchmark.md")
NAMES = ("alone", "kd", "s_pre_hbp", "cmdnet")
ON_FOLDS = frozenset({"crossval", "seeds", "teacher", "student_alone", "reported"})


@pytest.mark.parametrize("block", blocks("yaml", *PAGES), ids=lambda block: block.page)
def test_fragments_belong_into_a_benchmark_file(block, tmp_path):
    fragment = to_plain(read_yaml(block.text, block.page).root)
    entries = [{"name": name, "recipe": "kd.yaml"} for name in NAMES]
    changes = {"entries": entries, "teacher": None, "student_alone": None, **fragment}
    path = write_benchmark(tmp_path, **changes)
    if "fresh_test" in fragment:
        whole = to_plain(read_yaml(path.read_text(), str(path)).root)
        plain = {name: value for name, value in whole.items() if name not in ON_FOLDS}
        path.write_text(write_yaml({**plain, "entries": [*entries, {"name": "oracle", "recipe": "kd.yaml"}]}))
    load.load_benchmark(path)


def test_every_field_is_described():
    page = (DOCS / "formats" / "benchmark.md").read_text(encoding="utf-8")
    described = set(re.findall(r"`(\w+)`", page))
    assert set(BenchmarkFile.model_fields) | set(Entry.model_fields) <= described


def test_every_key_of_a_record_is_described():
    page = (DOCS / "formats" / "record.md").read_text(encoding="utf-8")
    described = set(re.findall(r"`(\w+)`", page))
    assert set(facts.BenchmarkRecord.model_fields) <= described


def test_numbers_of_the_page():
    page = (DOCS / "formats" / "record.md").read_text(encoding="utf-8")
    assert "**six significant digits**" in page
    assert DIGITS == 6
    assert f"by {TOLERANCE:g}." in page
