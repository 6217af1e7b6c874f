"""Trains folds of a record again, and compares what comes out with the record."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from xdistill.bench.recipes import entry_recipe
from xdistill.bench.records.attest import Replay
from xdistill.bench.records.defaults import changed_default
from xdistill.bench.records.tuned import tuned_settings
from xdistill.crossval.execute import train_folds
from xdistill.crossval.prepare import Prepared, check_executor, prepare, ready_cohort
from xdistill.errors import UserError
from xdistill.experiment.assemble import assemble
from xdistill.recipe.load import as_loaded
from xdistill.stats import FoldPredictions, read_predictions
from xdistill.tuning.search.variants import with_values, without_search

if TYPE_CHECKING:
    from xdistill.bench.load import Benchmark
    from xdistill.bench.records.record import Record
    from xdistill.crossval.events import Event
    from xdistill.plugin import Catalog
    from xdistill.recipe.loaded import LoadedRecipe

TOLERANCE: Final = 0.05  # largest difference of a prediction between versions, as a share of their range
ROUNDING: Final = 1e-5  # relative; records keep six significant digits


@dataclass(frozen=True)
class Replayed:
    """What came of training folds of a record again.

    Attributes:
        record: which.
        folds: names of the folds.
        same_versions: whether Python, torch and xdistill are those of the record.
        identical: whether all predictions are the same except for the rounding of records.
        largest: largest difference of a prediction.
        versions: here.
    """

    record: Record
    folds: tuple[str, ...]
    same_versions: bool
    identical: bool
    largest: float
    versions: dict[str, str]

    @property
    def problem(self) -> str:
        """Why the record is not what its recipe leads to; empty if it may be."""
        if self.identical or (not self.same_versions and self.largest <= TOLERANCE):
            return ""
        allowed = "on the same versions they must be the same" if self.same_versions else f"at most {TOLERANCE:g}"
        return (
            f"entry {self.record.entry!r}, seed {self.record.seed}: predictions of {', '.join(self.folds)}, trained "
            f"again, differ by up to {self.largest:.3g} ({allowed})"
        )

    @property
    def remark(self) -> str:
        """Which versions the record states otherwise than they are here; empty if none."""
        stated = self.record.facts["versions"]
        others = [
            f"{name} {stated.get(name, 'unknown')} (here {one})"
            for name, one in self.versions.items()
            if stated.get(name) != one
        ]
        return f", though the record states {', '.join(others)}" if others else ""

    def said_by(self, name: str) -> Replay:
        """As a file next to the record says it."""
        return Replay(
            by=name,
            when=datetime.now(UTC).isoformat(timespec="seconds"),
            folds=self.folds,
            identical=self.identical,
            largest=self.largest,
            versions=self.versions,
            predictions_sha256=self.record.facts["predictions_sha256"],
        )


def replay(
    benchmark: Benchmark,
    record: Record,
    *,
    count: int,
    catalog: Catalog,
    cache: Path | None = None,
    on_event: Callable[[Event], Any] | None = None,
) -> Replayed:
    """Train folds of a record again, from its recipe, splits and seed; which ones is left to chance.

    Args:
        benchmark: of the record; says where the cohort is.
        record: a record that follows from its predictions.
        count: how many folds.
        catalog: what the recipe names.
        cache: folder of the cohort files; None: the user's.
        on_event: called with each event of the training.

    Raises:
        UserError: if the cohort or the splits here are others, or no search leads to the settings of a tuned run.
        XdistillError: if training fails.
    """
    with TemporaryDirectory(prefix="xdistill-replay-") as folder:
        prepared = _prepared(benchmark, record, catalog, cache=cache, runs=Path(folder), on_event=on_event)
        chosen = sorted(random.SystemRandom().sample(prepared.folds, min(count, len(prepared.folds))))
        with prepared.folder.locked():
            for event in train_folds(prepared, only=chosen):
                if on_event is not None:
                    on_event(event)
        largest, identical = _compared(prepared, record, chosen)
    theirs = record.facts["versions"]
    return Replayed(
        record=record,
        folds=tuple(chosen),
        same_versions=all(theirs.get(name) == version for name, version in prepared.versions.items()),
        identical=identical,
        largest=largest,
        versions=dict(prepared.versions),
    )


def _prepared(
    benchmark: Benchmark,
    record: Record,
    catalog: Catalog,
    *,
    cache: Path | None,
    runs: Path,
    on_event: Callable[[Event], Any] | None,
) -> Prepared:
    settings = tuned_settings(benchmark, record.facts)
    entry = entry_recipe(benchmark, record.entry, record.seed)
    field = changed_default(benchmark, record.entry, record.facts["recipe"], record.facts["versions"], catalog)
    if field:
        raise UserError(f"entry {record.entry!r}: `{field}` of the recipe that was run differs from the benchmark")
    here = assemble(entry, catalog).resolved()
    recipe = {**record.facts["recipe"], "data": here["data"], "executor": here["executor"]}
    recipe |= {"cache": here["cache"], "teacher_cache": {"use": "off"}, "trackers": [], "tune": None}
    loaded = as_loaded({name: value for name, value in recipe.items() if value is not None})
    experiment = assemble(loaded, catalog)
    check_executor(experiment)
    events = ready_cohort(experiment, cache)
    while True:
        try:
            event = next(events)
        except StopIteration as ended:
            cohort = ended.value
            break
        if on_event is not None:
            on_event(event)
    prepared = prepare(loaded, experiment, catalog, cohort, runs)
    for what, ours, theirs in (
        ("cohort", cohort.fingerprint, record.splits.fingerprint),
        ("splits", prepared.splits.hash, record.splits.split_hash),
    ):
        if ours != theirs:
            raise UserError(
                f"entry {record.entry!r}: cannot be replayed here: its {what} are {theirs[:12]}, but here they are "
                f"{ours[:12]}; build the cohort from the same sources"
            )
    return replace(prepared, recipes=_tuned(entry, prepared, settings, catalog))


def _tuned(
    entry: LoadedRecipe, prepared: Prepared, settings: Mapping[str, Mapping[str, Any]], catalog: Catalog
) -> dict[str, dict[str, Any]]:
    """The recipes of the folds of a tuned run: with the settings that the record says were chosen.

    They are merged into the entry's recipe. In that of the record, stages already have the values of fields that they
    share.
    """
    elsewhere = {
        name: prepared.resolved[name] for name in ("compute", "executor", "cache", "teacher_cache", "trackers")
    }
    base = without_search(entry)
    return {
        name: assemble(with_values(base, values), catalog).resolved() | elsewhere for name, values in settings.items()
    }


def _compared(prepared: Prepared, record: Record, folds: Sequence[str]) -> tuple[float, bool]:
    """The largest difference, and whether all predictions are the same except for rounding."""
    ids = sorted({subject for split in prepared.splits for subject in split.test})
    rank = dict(zip(ids, record.splits.subjects, strict=True))
    largest, identical = 0.0, True
    for name in folds:
        found = read_predictions(prepared.folder.fold(name) / "predictions.csv", prepared.cohort.schema.task)
        for fold in found.folds:
            ours = {rank[subject]: row for subject, row in zip(fold.subjects, fold.probabilities, strict=True)}
            theirs = _of_record(record, fold)
            if ours.keys() != theirs.keys():
                return 1.0, False
            one = np.array([ours[subject] for subject in ours])
            other = np.array([theirs[subject] for subject in ours])
            largest = max(largest, float(np.abs(one - other).max(initial=0.0)))
            identical = identical and bool(np.allclose(one, other, rtol=ROUNDING, atol=0))
    return largest, identical


def _of_record(record: Record, like: FoldPredictions) -> dict[str, Any]:
    for fold in record.predictions.of(like.role):
        if (fold.repeat, fold.fold) == (like.repeat, like.fold):
            return dict(zip(fold.subjects, fold.probabilities, strict=True))
    return {}
