"""A finished run; docs/formats/run.md describes the format of its folder."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from xdistill.errors import RunError
from xdistill.runs.folder import RunFolder
from xdistill.stats import MetricFunction, Predictions, Summary, read_predictions, summarise
from xdistill.tasks import Task, read_task
from xdistill.untrusted import TABLE, from_cell, read_text

UNSEALED = "the run was written before runs had checksums, so a change of its files may go unnoticed"
DIAGNOSTIC = "diagnostic."
"""Prefix of the history's columns for diagnostics."""


@dataclass(frozen=True)
class HistoryRow:
    """One epoch of one fold.

    Attributes:
        fold: such as ``r0-f3``.
        stage: the stage's name.
        epoch: counted from 1 within the stage.
        values: loss by term (``total`` is the weighted sum) and further values by name.
    """

    fold: str
    stage: str
    epoch: int
    values: Mapping[str, float]


@dataclass(frozen=True)
class Run:
    """A finished run; its metrics are computed from its predictions."""

    path: Path
    record: Mapping[str, Any]
    extra_metrics: Mapping[str, MetricFunction] = field(default_factory=dict)

    @property
    def folder(self) -> RunFolder:
        """The paths of the run."""
        return RunFolder(self.path)

    @property
    def name(self) -> str:
        """The recipe's name; for a control, followed by the control's name."""
        return run_name(self.record["recipe"])

    @property
    def sealed(self) -> bool:
        """Whether the run has checksums; those that versions 0.1 and 0.2 wrote have none."""
        return bool(self.record.get("checksums")) or self.folder.checksums.is_file()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know."""
        return () if self.sealed else (UNSEALED,)

    @property
    def control(self) -> str:
        """Name of the null control; empty for a run of a method."""
        return str(self.record["recipe"].get("control") or "")

    @property
    def task(self) -> Task:
        """What was predicted."""
        return read_task(self.record["cohort"])

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, in the order of the probabilities; for other tasks, what `Task.names` says."""
        return self.task.names

    @cached_property
    def predictions(self) -> Predictions:
        """Per-subject probabilities of the test subjects."""
        return read_predictions(self.folder.predictions, self.task)

    @cached_property
    def metrics(self) -> dict[str, dict[str, Summary]]:
        """``{role: {metric: Summary}}``, computed from the predictions."""
        return summarise(self.predictions, self.extra_metrics)

    @property
    def summary(self) -> dict[str, dict[str, Any]]:
        """`metrics` as plain data: ``{role: {metric: {mean, sd, folds}}}``."""
        return {
            role: {
                name: {"mean": value.mean, "sd": value.sd, "folds": list(value.folds)} for name, value in values.items()
            }
            for role, values in self.metrics.items()
        }

    @cached_property
    def history(self) -> tuple[HistoryRow, ...]:
        """Losses by term, epoch, stage and fold."""
        rows: list[HistoryRow] = []
        for folder in sorted((self.path / "folds").glob("r*-f*"), key=_by_number):
            rows.extend(_history(folder))
        return tuple(rows)


def run_name(recipe: Mapping[str, Any]) -> str:
    """Name of the runs of a resolved recipe, and of their folder within the folder of all runs.

    >>> run_name({"name": "mvi_hcc/kd"}), run_name({"name": "mvi_hcc/kd", "control": "label_smoothing"})
    ('mvi_hcc/kd', 'mvi_hcc/kd-control-label_smoothing')
    >>> run_name({"name": "mvi_hcc/kd", "tune": {"trials": 30}})
    'mvi_hcc/kd-tuned'
    """
    control = recipe.get("control")
    name = f"{recipe['name']}-control-{control}" if control else str(recipe["name"])
    return f"{name}-tuned" if recipe.get("tune") else name


def _by_number(folder: Path) -> tuple[int, ...]:
    """Sort key that puts ``r0-f10`` after ``r0-f2``."""
    return tuple(int(part[1:]) for part in folder.name.split("-"))


def _history(fold: Path) -> list[HistoryRow]:
    path = fold / "history.csv"
    try:
        text = read_text(path, TABLE, error=RunError)
        rows = ([from_cell(cell) for cell in row] for row in csv.reader(io.StringIO(text, newline="")))
        header = next(rows, [])
        return [_history_row(fold.name, dict(zip(header, row, strict=True))) for row in rows if row]
    except (ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
        raise RunError(f"{path}: cannot be read as the history of a fold: {error}") from error


def _history_row(fold: str, row: Mapping[str, str]) -> HistoryRow:
    fixed = ("stage", "epoch")
    return HistoryRow(
        fold=fold,
        stage=row["stage"],
        epoch=int(row["epoch"]),
        values={name: float(value) for name, value in row.items() if name not in fixed and value},
    )
