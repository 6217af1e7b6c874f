"""Files and text of others: opened only if regular and of bounded size, shown without control characters."""

from xdistill.untrusted.arrays import check_arrays
from xdistill.untrusted.files import gunzip, kind_of, open_regular, parse_json, read_bytes, read_json, read_text
from xdistill.untrusted.limits import JSON, TABLE, VOLUME, WEIGHTS, Limit
from xdistill.untrusted.text import (
    CsvWriter,
    from_cell,
    may_hold_cells,
    normal_id,
    printable,
    safe_cell,
    shortened,
    to_cell,
)

__all__ = [
    "JSON",
    "TABLE",
    "VOLUME",
    "WEIGHTS",
    "CsvWriter",
    "Limit",
    "check_arrays",
    "from_cell",
    "gunzip",
    "kind_of",
    "may_hold_cells",
    "normal_id",
    "open_regular",
    "parse_json",
    "printable",
    "read_bytes",
    "read_json",
    "read_text",
    "safe_cell",
    "shortened",
    "to_cell",
]
