"""The folder of a run: writing its files, reading them back, and checking that they are what was written."""

from xdistill.runs.folder import RunFolder, fold_name
from xdistill.runs.load import load_run
from xdistill.runs.record import DIAGNOSTIC, HistoryRow, Run, run_name
from xdistill.runs.schema import FORMAT, FORMAT_VERSION, read_record

__all__ = [
    "DIAGNOSTIC",
    "FORMAT",
    "FORMAT_VERSION",
    "HistoryRow",
    "Run",
    "RunFolder",
    "fold_name",
    "load_run",
    "read_record",
    "run_name",
]
