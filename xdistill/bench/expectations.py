"""What a control has to show, and whether it does."""

from __future__ import annotations

from collections.abc import Mapping

from xdistill.bench.load import Benchmark
from xdistill.bench.schema import RANKED, Expect
from xdistill.bench.standings import Expectation
from xdistill.stats import Method, Row, compare, is_bold

_WORDS = {"better": "better than", "not_better": "not better than"}


def expectations(benchmark: Benchmark, methods: Mapping[str, Method], primary: str) -> tuple[Expectation, ...]:
    """The expectations of a benchmark.

    "Better" is what tables print bold: a better primary metric with a Holm-adjusted p below 0.05, adjusted over the
    ranked track.

    Args:
        benchmark: the benchmark.
        methods: those that have results, by entry.
        primary: the metric that ranks.
    """
    compared: dict[str, dict[str, Row]] = {}
    for expect in benchmark.file.expect:
        if expect.against in methods and expect.against not in compared:
            compared[expect.against] = _against(benchmark, methods, expect.against, primary)
    return tuple(_judged(expect, compared.get(expect.against, {})) for expect in benchmark.file.expect)


def _against(benchmark: Benchmark, methods: Mapping[str, Method], reference: str, metric: str) -> dict[str, Row]:
    ranked = [method for name, method in methods.items() if benchmark.entries[name].track == RANKED]
    # No interval is printed here, so one resample does.
    rows = compare(ranked, reference=reference, metrics=(metric,), resamples=1)[metric]
    return {row.method: row for row in rows}


def _judged(expect: Expect, rows: Mapping[str, Row]) -> Expectation:
    names = expect.entries
    text = f"{' or '.join(names)} is {_WORDS[expect.outcome]} {expect.against}"
    found = [rows[name] for name in names if name in rows]
    shown = any(is_bold(row) == (expect.outcome == "better") for row in found)
    holds = True if shown else None if len(found) < len(names) else False
    return Expectation(text, holds, "; ".join(map(_evidence, found)) or "no results yet")


def _evidence(row: Row) -> str:
    if row.against is None:
        return row.method
    difference = f"{row.method}: difference in {row.metric} {row.against.difference.estimate:+.4f}"
    interval = row.against.test.interval
    between = "" if interval is None else f" ({interval[0]:+.4f} to {interval[1]:+.4f})"
    return f"{difference}{between}, Holm-adjusted p {row.against.p_holm:.3g}"
