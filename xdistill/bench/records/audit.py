"""Checks of a record's predictions, row by row, against the splits of its benchmark."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from xdistill.bench.records.splits import BenchmarkSplits, Tested
from xdistill.stats.predictions import FIXED
from xdistill.tasks import Task
from xdistill.untrusted import from_cell

MOST = 5  # problems of one kind that are reported one by one


@dataclass(frozen=True)
class Problem:
    """Something that is wrong.

    Attributes:
        kind: problems of one kind are reported together.
        line: of the file, from 1; 0 when it is about no single line.
        message: what is wrong.
    """

    kind: str
    line: int
    message: str


@dataclass(frozen=True)
class _Row:
    line: int
    key: tuple[str, int, int]
    subject: str
    rank: int | None


def audit(text: str, splits: BenchmarkSplits, roles: Sequence[str], *, by_ids: bool) -> Iterator[Problem]:
    """Everything that is wrong with a file of predictions.

    Args:
        text: the file.
        splits: of the benchmark.
        roles: the networks of the record, whose predictions have to be there.
        by_ids: whether subjects are called by their ids instead of their ranks.
    """
    try:
        lines = [(reader.line_num, row) for reader in [csv.reader(io.StringIO(text))] for row in reader]
    except csv.Error as error:
        yield Problem("file", 0, f"not valid CSV: {error}")
        return
    header = [*FIXED, *splits.task.columns]
    if not lines or lines[0][1] != header:
        yield Problem("header", 1, f"the header must be {','.join(header)}")
        return
    names = dict(zip(splits.ids if by_ids else splits.subjects, range(len(splits.targets)), strict=False))
    folds = {(role, fold.repeat, fold.fold): fold for role in roles for fold in splits.folds}
    rows = []
    for line, cells in lines[1:]:
        if len(cells) != len(header):
            yield Problem("cells", line, f"{len(cells)} cells, but the header has {len(header)}")
            continue
        yield from _probabilities(splits.task, line, cells[len(FIXED) :])
        row = _row(line, cells, names)
        if row is None:
            yield Problem("numbers", line, "repeat and fold must be whole numbers")
            continue
        rows.append(row)
        yield from _place(row, from_cell(cells[4]), splits, folds)
    yield from _missing(rows, folds, splits)


def shortened(problems: Iterable[Problem]) -> Iterator[Problem]:
    """The problems, of each kind only the first few and how many more there are."""
    seen: Counter[str] = Counter()
    for problem in problems:
        seen[problem.kind] += 1
        if seen[problem.kind] <= MOST:
            yield problem
    for kind, count in seen.items():
        if count > MOST:
            yield Problem(kind, 0, f"and {count - MOST} more like these ({kind})")


def _row(line: int, cells: Sequence[str], names: dict[str, int]) -> _Row | None:
    role, repeat, fold, subject, _ = cells[: len(FIXED)]
    try:
        return _Row(line, (role, int(repeat), int(fold)), subject, names.get(from_cell(subject)))
    except ValueError:
        return None


def _probabilities(task: Task, line: int, cells: Sequence[str]) -> Iterator[Problem]:
    try:
        values = [float(cell) for cell in cells]
    except ValueError:
        yield Problem("probabilities", line, f"the probabilities must be numbers, got {', '.join(cells)}")
        return
    problem = task.prediction_problem(values)
    if problem:
        yield Problem("probabilities", line, problem)


def _place(
    row: _Row, target: str, splits: BenchmarkSplits, folds: dict[tuple[str, int, int], Tested]
) -> Iterator[Problem]:
    """Whether the subject is tested here, and has this target."""
    if row.key not in folds:
        role, repeat, fold = row.key
        yield Problem("folds", row.line, f"the benchmark has no {role} in repeat {repeat}, fold {fold}")
    elif row.rank is None:
        yield Problem("subjects", row.line, f"the benchmark has no subject {row.subject!r}")
    else:
        if row.rank not in folds[row.key].test:
            yield Problem(
                "split", row.line, f"the split was changed: {folds[row.key].name} does not test subject {row.subject!r}"
            )
        right = splits.task.target_text(splits.targets[row.rank])
        if target != right:
            yield Problem(
                "target",
                row.line,
                f"the target of subject {row.subject!r} is {target!r}, but {right!r} in the benchmark",
            )


def _missing(
    rows: Sequence[_Row], folds: dict[tuple[str, int, int], Tested], splits: BenchmarkSplits
) -> Iterator[Problem]:
    """Subjects that are there twice, and those that are not there."""
    found: dict[tuple[str, int, int], set[int]] = {}
    for row in rows:
        if row.rank is None:
            continue
        members = found.setdefault(row.key, set())
        if row.rank in members:
            yield Problem("twice", row.line, f"the subject {row.subject!r} is predicted twice in this fold")
        members.add(row.rank)
    for key, fold in folds.items():
        absent = sorted(set(fold.test) - found.get(key, set()))
        if absent:
            first = splits.subjects[absent[0]]
            more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
            yield Problem("missing", 0, f"{key[0]} {fold.name}: subject {first}{more} is missing")
