"""A small benchmark with runs made in a moment."""

from __future__ import annotations

import shutil

import pytest

from bench.tiny_benchmark import write_benchmark
from bench.toy_runs import make_run
from xdistill.bench.load import load_benchmark
from xdistill.bench.records.submit import submit
from xdistill.runs import load_run


@pytest.fixture
def small(tmp_path):
    """The benchmark: alone, kd, and kd's teacher; 3 folds."""
    return load_benchmark(write_benchmark(tmp_path / "benchmarks"))


@pytest.fixture(scope="session")
def template(tmp_path_factory, catalog):
    """A folder with the benchmark file, and records of both runs beside it."""
    folder = tmp_path_factory.mktemp("template")
    benchmark = load_benchmark(write_benchmark(folder / "benchmarks"))
    for entry, options in {"alone": {}, "kd": {"signal": 1.4, "teacher": 3.0, "noise": 1}}.items():
        run = make_run(folder / "elsewhere" / entry, benchmark, entry, catalog, **options)
        submit(load_run(run), benchmark, entry, catalog=catalog)
    return folder / "benchmarks"


@pytest.fixture
def submitted(template, tmp_path):
    """The same benchmark with records of both runs, to spoil."""
    shutil.copytree(template, tmp_path / "benchmarks")
    return load_benchmark(tmp_path / "benchmarks" / "small.yaml")
