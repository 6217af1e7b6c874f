"""Tables of subjects as hospitals export them: CSV, TSV, XLSX and Parquet, and what their cells mean.

Nothing here imports NumPy when it runs. What is detected is reported by `Table.how` and `Reading.notes`.
"""

from xdistill.tables.column import find_reading
from xdistill.tables.found import ColumnSettings, Found, hint_of
from xdistill.tables.habits import Habits, habits_of
from xdistill.tables.marks import Exact, as_number, quantity, sorted_names
from xdistill.tables.problems import Problems, near
from xdistill.tables.read import Format, read_table
from xdistill.tables.reading import CENSORED, Reading, plain_row
from xdistill.tables.table import Line, Table
from xdistill.tables.words import MISSING

__all__ = [
    "CENSORED",
    "MISSING",
    "ColumnSettings",
    "Exact",
    "Format",
    "Found",
    "Habits",
    "Line",
    "Problems",
    "Reading",
    "Table",
    "as_number",
    "find_reading",
    "habits_of",
    "hint_of",
    "near",
    "plain_row",
    "quantity",
    "read_table",
    "sorted_names",
]
