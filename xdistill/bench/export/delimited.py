"""CSV: one row per entry and metric, for spreadsheets and data frames."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any, Final

from xdistill.bench.export.wording import one_line
from xdistill.bench.standings import Reported, Standing, Standings
from xdistill.stats.bootstrap import Interval
from xdistill.stats.compare import Against
from xdistill.stats.metrics import Summary
from xdistill.untrusted import CsvWriter

COLUMNS: Final = (
    "entry", "title", "track", "rank", "metric", "mean", "sd", "splits", "low", "high",
    "reference", "difference", "difference_low", "difference_high", "test_low", "test_high", "t", "degrees", "p",
    "p_holm", "bold", "paper_compat_p", "reported_mean", "reported_sd", "parameters", "seconds", "seeds",
)  # fmt: skip


def write(standings: Standings) -> str:
    """Numbers are fractions in full precision; what does not apply is empty."""
    out = io.StringIO()
    writer = CsvWriter(out, numbers=False)
    writer.writerow(COLUMNS)
    for standing in standings.entries:
        writer.writerows([row.get(name, "") for name in COLUMNS] for row in _rows(standings, standing))
    return out.getvalue()


def _rows(standings: Standings, standing: Standing) -> Iterator[dict[str, Any]]:
    entry = {
        "entry": one_line(standing.entry),
        "title": one_line(standing.title),
        "track": one_line(standing.track),
        "rank": standing.rank if standing.rank is not None else "",
        "parameters": standing.parameters,
        "seconds": standing.seconds,
        "seeds": standing.seeds,
    }
    for metric in standings.metrics:
        row = standing.rows[metric]
        yield {
            **entry,
            "metric": metric,
            **_summary(row.scores),
            **_bounds("low", "high", row.interval),
            **(_against(row.against, bold=metric in standing.bold) if row.against else {}),
            **_reported(standing.reported.get(metric)),
        }
    for metric, summary in _others(standing).items():
        yield {**entry, "metric": metric, **_summary(summary), **_reported(standing.reported.get(metric))}


def _others(standing: Standing) -> Mapping[str, Summary]:
    agreement = {} if standing.agreement is None else {"agreement": standing.agreement}
    return {**standing.calibration, **agreement}


def _summary(summary: Summary) -> dict[str, Any]:
    return {"mean": summary.mean, "sd": summary.sd, "splits": len(summary.folds)}


def _bounds(low: str, high: str, interval: Interval) -> dict[str, Any]:
    return {low: interval.low, high: interval.high}


def _against(against: Against, *, bold: bool) -> dict[str, Any]:
    test = against.test
    low, high = test.interval or ("", "")
    return {
        "reference": one_line(against.reference),
        "difference": test.difference,
        **_bounds("difference_low", "difference_high", against.difference),
        "test_low": low,
        "test_high": high,
        "t": "" if test.statistic is None else test.statistic,
        "degrees": test.degrees,
        "p": test.p_value,
        "p_holm": against.p_holm,
        "bold": "yes" if bold else "no",
        "paper_compat_p": "" if against.paper_compat is None else against.paper_compat.p_value,
    }


def _reported(reported: Reported | None) -> dict[str, Any]:
    if reported is None:
        return {}
    return {"reported_mean": reported.mean, "reported_sd": "" if reported.sd is None else reported.sd}
