"""Reads the folder of a finished run, and refuses one that is not as it was written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from xdistill.errors import RunError
from xdistill.runs.folder import RunFolder
from xdistill.runs.integrity import check_run
from xdistill.runs.record import Run
from xdistill.runs.schema import read_record
from xdistill.stats import MetricFunction


def load_run(
    path: Path | str, extra_metrics: Mapping[str, MetricFunction] | None = None, *, thorough: bool = False
) -> Run:
    """The run in a folder.

    Args:
        path: the run's folder.
        extra_metrics: metrics of plugins by name, in addition to the standard ones.
        thorough: also check the weights, and that every fold is there; for what is made of the folds.

    Raises:
        RunError: if there is no run, if it is not finished, if it has another format, or if a file was changed since
            the run was finished; names the file.
    """
    folder = RunFolder(Path(path))
    if not folder.record.is_file():
        raise RunError(f"{path}: not the folder of a run: it has no record.json")
    record = read_record(folder.record)
    if record["status"] != "finished" or (record.get("checksums") and not folder.checksums.is_file()):
        raise RunError(f"{path}: this run is not finished; rerun the command that started it to resume")
    run = Run(folder.path, record, extra_metrics or {})
    check_run(run, thorough=thorough)
    return run
