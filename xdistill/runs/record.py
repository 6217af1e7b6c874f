"""Reading back what a run left on disk; the format is described in docs/formats/run.md."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from xdistill.errors import RunError
from xdistill.runs.files import read_json
from xdistill.runs.folder import RunFolder
from xdistill.stats import MetricFunction, Predictions, Summary, read_predictions, summarise
from xdistill.tasks import Task, read_task

FORMAT = "xdistill-run"
FORMAT_VERSION = 1
DIAGNOSTIC = "diagnostic."
"""How the history's columns begin that diagnostics fill."""


@dataclass(frozen=True)
class HistoryRow:
    """One epoch of one fold.

    Attributes:
        fold: such as ``r0-f3``.
        stage: the stage's name.
        epoch: counted from 1 within the stage.
        values: loss by term (``total`` is the weighted sum) and further figures by name.
    """

    fold: str
    stage: str
    epoch: int
    values: Mapping[str, float]


@dataclass(frozen=True)
class Run:
    """A finished run: everything is computed from its predictions."""

    path: Path
    record: Mapping[str, Any]
    extra_metrics: Mapping[str, MetricFunction] = field(default_factory=dict)

    @property
    def folder(self) -> RunFolder:
        """The paths of the run."""
        return RunFolder(self.path)

    @property
    def name(self) -> str:
        """The recipe's name; for a control, with the control's name behind it."""
        return run_name(self.record["recipe"])

    @property
    def control(self) -> str:
        """Which null control the run is; empty for a run of a method."""
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
        """``{role: {metric: Summary}}``, computed anew from the predictions."""
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
    """What runs of a resolved recipe are called, and their folder below that of all runs.

    >>> run_name({"name": "mvi_hcc/kd"}), run_name({"name": "mvi_hcc/kd", "control": "label_smoothing"})
    ('mvi_hcc/kd', 'mvi_hcc/kd-control-label_smoothing')
    >>> run_name({"name": "mvi_hcc/kd", "tune": {"trials": 30}})
    'mvi_hcc/kd-tuned'
    """
    control = recipe.get("control")
    name = f"{recipe['name']}-control-{control}" if control else str(recipe["name"])
    return f"{name}-tuned" if recipe.get("tune") else name


def _by_number(folder: Path) -> tuple[int, ...]:
    """Sorts ``r0-f10`` behind ``r0-f2``."""
    return tuple(int(part[1:]) for part in folder.name.split("-"))


def load_run(path: Path | str, extra_metrics: Mapping[str, MetricFunction] | None = None) -> Run:
    """The run in a folder.

    Args:
        path: the run's folder.
        extra_metrics: metrics of plugins by name, besides the standard ones.

    Raises:
        RunError: when there is none, when it is not finished, or when its format is another one.
    """
    folder = RunFolder(Path(path))
    if not folder.record.is_file():
        raise RunError(f"{path}: no run is here (record.json is missing)")
    record = read_json(folder.record)
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise RunError(f"{folder.record}: this is no record of a run")
    if record.get("format_version") != FORMAT_VERSION:
        raise RunError(
            f"{folder.record}: format version {record.get('format_version')}, and this xdistill reads "
            f"{FORMAT_VERSION}; use the xdistill that wrote it (see `versions` there), or run the recipe again"
        )
    if record.get("status") != "finished":
        raise RunError(f"{path}: this run is not finished; give the command that started it again to go on")
    return Run(folder.path, record, extra_metrics or {})


def _history(fold: Path) -> list[HistoryRow]:
    path = fold / "history.csv"
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [_history_row(fold.name, row) for row in csv.DictReader(file)]
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise RunError(f"{path}: cannot be read as the history of a fold: {error}") from error


def _history_row(fold: str, row: Mapping[str, str]) -> HistoryRow:
    fixed = ("stage", "epoch")
    return HistoryRow(
        fold=fold,
        stage=row["stage"],
        epoch=int(row["epoch"]),
        values={name: float(value) for name, value in row.items() if name not in fixed and value},
    )
