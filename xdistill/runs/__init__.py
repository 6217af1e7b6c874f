"""The folder of a run: writing its files and reading them back."""

from xdistill.runs.folder import RunFolder, fold_name
from xdistill.runs.record import DIAGNOSTIC, FORMAT, FORMAT_VERSION, HistoryRow, Run, load_run, run_name

__all__ = [
    "DIAGNOSTIC",
    "FORMAT",
    "FORMAT_VERSION",
    "HistoryRow",
    "Run",
    "RunFolder",
    "fold_name",
    "load_run",
    "run_name",
]
