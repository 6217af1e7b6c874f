"""Checks of a benchmark's splits."""

from __future__ import annotations

from collections.abc import Iterator

from xdistill.bench.records.splits import BenchmarkSplits


def split_problems(splits: BenchmarkSplits) -> Iterator[str]:
    """Every inconsistency of the splits, as a message; none for splits that are valid."""
    count = len(splits.targets)
    if len(splits.patients) != count:
        yield f"{count} targets, but {len(splits.patients)} patients"
        return
    if splits.ids and (len(splits.ids) != count or list(splits.ids) != sorted(splits.ids)):
        yield "the ids must be those of all subjects, sorted"
    problem = next(filter(None, map(splits.task.target_problem, splits.targets)), "")
    if problem:
        yield problem
        return
    yield from _folds(splits)


def _folds(splits: BenchmarkSplits) -> Iterator[str]:
    """Parts that do not add up, groups that are absent, subjects who are not tested once per repeat."""
    count = len(splits.targets)
    tested: dict[int, list[int]] = {}
    for fold in splits.folds:
        tested.setdefault(fold.repeat, []).extend(fold.test)
        if fold.train < 1 or fold.train + fold.validation + len(fold.test) != count:
            yield f"{fold.name}: the training, validation and test parts do not add up to {count} subjects"
        present = [splits.targets[rank] for rank in fold.test if 0 <= rank < count]
        for name in splits.task.absent(splits.task.as_targets(present)):
            what, whats = splits.task.group, splits.task.groups
            yield f"{fold.name}: {what} {name!r} has no test subject; use fewer folds or merge {whats}"
    if not tested:
        yield "there is no fold"
    for repeat, ranks in tested.items():
        if sorted(ranks) != list(range(count)):
            yield f"repeat {repeat}: not every subject is tested exactly once"
