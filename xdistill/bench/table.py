"""From records to a table: every score, interval and test is computed from per-subject predictions."""

from __future__ import annotations

import json
import os
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import numpy as np

from xdistill.bench.expectations import expectations
from xdistill.bench.load import Benchmark
from xdistill.bench.metrics import primary_of, shown_metrics
from xdistill.bench.records.record import Record, method, over_seeds
from xdistill.bench.schema import RANKED, Entry
from xdistill.bench.standings import CohortFacts, Reported, Standing, Standings
from xdistill.errors import UserError
from xdistill.stats import (
    LOWER_IS_BETTER,
    GapClosed,
    Method,
    Row,
    Summary,
    agreement,
    align,
    compare,
    gaps_closed,
    is_bold,
)
from xdistill.tasks import Classification, Task

CALIBRATION = ("brier", "ece")


@dataclass(frozen=True)
class Scored:
    """An entry with its records, one per seed."""

    entry: Entry
    records: tuple[Record, ...]

    @property
    def method(self) -> Method:
        """As the statistics see it."""
        return method(self.entry.name, self.records, self.entry.role)


def standings(benchmark: Benchmark, records: Sequence[Record], *, page: Path | None = None) -> Standings:
    """The table of a benchmark.

    Args:
        benchmark: the benchmark.
        records: of its entries, in any order; entries without one are listed as missing.
        page: the file that the table will be written to, for links to the runs' reports.

    Raises:
        UserError: when there is nothing to show, or entries cannot be compared; names the entry and says why.
    """
    scored = scored_entries(benchmark, records)
    if not scored:
        raise UserError(f"the benchmark {benchmark.name!r} has no results yet")
    by_name = {item.entry.name: item for item in scored}
    align([item.method for item in scored])  # rejects, by name, methods that were run on other splits
    rows = _rows(benchmark, by_name)
    ranks = _ranks(benchmark, scored, rows)
    gaps = _gaps(benchmark, by_name)
    timed = timed_sources(scored)
    found = [
        _standing(benchmark, item, rows[name], gaps.get(name), page, timed=item.entry.source in timed)
        for name, item in by_name.items()
    ]
    ranked = [replace(one, rank=ranks.get(one.entry)) for one in found]
    return Standings(
        name=benchmark.name,
        title=_title(benchmark, records),
        description=benchmark.file.description,
        reference=benchmark.file.reference,
        primary=primary_of(benchmark, scored[0].records[0].splits.task),
        metrics=shown_metrics(benchmark, scored[0].records[0]),
        cohort=cohort_facts(benchmark, scored[0].records[0]),
        entries=tuple(sorted(ranked, key=lambda one: (one.rank is None, one.rank or 0, one.track))),
        missing=tuple(name for name in benchmark.entries if name not in by_name),
        reported_source=benchmark.file.reported.source if benchmark.file.reported else "",
        expectations=expectations(
            benchmark,
            {name: item.method for name, item in by_name.items()},
            primary_of(benchmark, scored[0].records[0].splits.task),
        ),
        units=units_of(scored[0].records[0].splits.task),
    )


def units_of(task: Task) -> dict[str, str]:
    """Units by metric, of those that have one."""
    return {score.name: score.unit for score in task.scores if score.unit}


def _title(benchmark: Benchmark, records: Sequence[Record]) -> str:
    """The title, which says so where entries were tuned: nothing else in a table would."""
    title, trials = benchmark.file.title or benchmark.name, benchmark.file.trials
    if trials is None or not any("tuned" in record.facts for record in records):
        return title
    return f"{title}, tuned with {trials} trial{'s' if trials > 1 else ''} per search"


def scored_entries(benchmark: Benchmark, records: Sequence[Record]) -> tuple[Scored, ...]:
    """The entries that have records, in the order of the file, each record by its seed."""
    by_entry: dict[str, list[Record]] = {}
    for record in sorted(records, key=lambda record: record.seed):
        by_entry.setdefault(record.entry, []).append(record)
    return tuple(
        Scored(entry, tuple(by_entry[entry.source])) for entry in benchmark.entries.values() if entry.source in by_entry
    )


def timed_sources(scored: Sequence[Scored]) -> frozenset[str]:
    """The entries whose training times can be compared: of the conditions under which more than half were trained."""
    conditions = {item.entry.source: _condition(item.records) for item in scored}
    (common, count), *_ = Counter(conditions.values()).most_common(1)
    if not common or 2 * count <= len(conditions):
        return frozenset()
    return frozenset(source for source, condition in conditions.items() if condition == common)


def _condition(records: Sequence[Record]) -> str:
    """The machine and the number of folds at the same time; empty if they differ, or a network was not trained.

    A teacher that was taken from the cache costs nothing.
    """
    found: set[str] = set()
    for record in records:
        seconds = record.facts["seconds"]
        at_once = seconds.get("at_once") or {}
        if seconds.get("reused") or set(at_once) != set(seconds["folds"]):
            return ""
        found |= {json.dumps([record.facts["machine"], number], sort_keys=True) for number in at_once.values()}
    return found.pop() if len(found) == 1 else ""


def cohort_facts(benchmark: Benchmark, record: Record) -> CohortFacts:
    """The cohort and splits that all entries share."""
    cohort, crossval = record.facts["cohort"], benchmark.file.crossval
    return CohortFacts(
        title=str(cohort["title"]),
        synthetic=bool(cohort["synthetic"]),
        subjects=int(cohort["subjects"]),
        patients=int(cohort["patients"]),
        classes=dict(cohort.get("class_counts", {})),
        fingerprint=record.splits.fingerprint,
        split_hash=record.splits.split_hash,
        folds=crossval.folds if crossval.by is None else len(record.splits.folds),
        repeats=crossval.repeats,
        bounds=dict(cohort["bounds"]),
    )


def _rows(benchmark: Benchmark, scored: Mapping[str, Scored]) -> dict[str, dict[str, Row]]:
    """Rows by entry and metric; Holm's procedure counts the methods of one track."""
    result: dict[str, dict[str, Row]] = {name: {} for name in scored}
    for track in dict.fromkeys((RANKED, *(item.entry.track for item in scored.values()))):
        members = {name: None for name, item in scored.items() if item.entry.track == track}  # in order
        for metric, rows in _compared(benchmark, scored, list(members)).items():
            for row in rows:
                if row.method in members:
                    result[row.method][metric] = row
    return result


def _compared(benchmark: Benchmark, scored: Mapping[str, Scored], members: Sequence[str]) -> dict[str, tuple[Row, ...]]:
    """The members of a track compared with the reference; without it, their scores alone."""
    if not members:
        return {}
    reference = benchmark.file.reference
    known = reference in scored
    names = list(dict.fromkeys([reference, *members])) if known else list(members)
    rows = compare(
        [scored[name].method for name in names],
        reference=reference if known else names[0],
        metrics=shown_metrics(benchmark, scored[names[0]].records[0]),
        patients=scored[names[0]].records[0].splits.patient_of,
    )
    if known:
        return rows
    return {metric: tuple(replace(row, against=None) for row in found) for metric, found in rows.items()}


def _ranks(benchmark: Benchmark, scored: Sequence[Scored], rows: Mapping[str, Mapping[str, Row]]) -> dict[str, int]:
    """Ranks from 1 by the primary metric; equal scores share a rank."""
    primary = primary_of(benchmark, scored[0].records[0].splits.task)
    sign = -1 if primary in LOWER_IS_BETTER else 1
    scores = {
        item.entry.name: sign * rows[item.entry.name][primary].scores.mean
        for item in scored
        if item.entry.track == RANKED
    }
    ascending = sorted(scores.values())
    return {name: 1 + len(ascending) - bisect_right(ascending, score) for name, score in scores.items()}


def _standing(
    benchmark: Benchmark,
    item: Scored,
    rows: Mapping[str, Row],
    gap: GapClosed | None,
    page: Path | None,
    *,
    timed: bool,
) -> Standing:
    entry, records = item.entry, item.records
    first = records[0].facts
    network = first["networks"][entry.role]
    return Standing(
        entry=entry.name,
        title=entry.title or entry.name,
        track=entry.track,
        rank=None,
        rows=rows,
        bold=frozenset(metric for metric, row in rows.items() if is_bold(row)),
        gap=gap,
        agreement=_agreement(item),
        calibration=_calibration(item),
        reported=_reported(benchmark, entry.name),
        inputs=tuple(network["inputs"]),
        parameters=int(network["parameters"]),
        seconds=_seconds(records) if timed else None,
        seeds=len(records),
        run=tuple(str(record.facts["run"]) for record in records),
        versions=dict(first["versions"]),
        machine={name: str(value) for name, value in first["machine"].items()},
        link=_link(records[0].report, page),
        said=_said(records),
    )


def _calibration(item: Scored) -> dict[str, Summary]:
    """Brier score and calibration error of class probabilities; empty for other tasks."""
    if not isinstance(item.records[0].splits.task, Classification):
        return {}
    return {name: over_seeds(item.records, item.entry.role, name) for name in CALIBRATION}


def _said(records: Sequence[Record]) -> tuple[str, ...]:
    """What others say of all records of an entry; of one of several seeds, with its seed."""
    if len(records) == 1:
        return records[0].said
    return tuple(f"seed {record.seed} {text}" for record in records for text in record.said)


def _seconds(records: Sequence[Record]) -> float:
    return float(np.mean([second for record in records for second in record.facts["seconds"]["folds"].values()]))


def _gaps(benchmark: Benchmark, scored: Mapping[str, Scored]) -> dict[str, GapClosed]:
    """What each distilled entry closed of the gap between teacher and student alone, where both have results."""
    alone, teacher = benchmark.file.student_alone, benchmark.file.teacher
    distilled = [item for item in scored.values() if item.entry.distilled]
    if not distilled or alone is None or teacher is None or not {alone, teacher} <= set(scored):
        return {}
    found = gaps_closed(
        [item.method for item in distilled],
        scored[alone].method,
        scored[teacher].method,
        metric=primary_of(benchmark, distilled[0].records[0].splits.task),
        patients=distilled[0].records[0].splits.patient_of,
    )
    return {item.entry.name: gap for item, gap in zip(distilled, found, strict=True)}


def _agreement(item: Scored) -> Summary | None:
    if not isinstance(item.records[0].splits.task, Classification):
        return None
    if item.entry.role != "student" or any("teacher" not in record.predictions.roles() for record in item.records):
        return None
    return agreement([record.predictions for record in item.records])


def _reported(benchmark: Benchmark, name: str) -> dict[str, Reported]:
    reported = benchmark.file.reported
    scores = reported.rows.get(name, {}) if reported else {}
    return {
        metric: Reported(score.mean / 100, None if score.sd is None else score.sd / 100)
        for metric, score in scores.items()
    }


def _link(report: Path | None, page: Path | None) -> str:
    if report is None or page is None or not report.is_file():
        return ""
    return quote(Path(os.path.relpath(report, page.parent)).as_posix())
