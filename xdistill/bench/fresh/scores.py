"""The scores of all cohorts as one file, which is the record of a benchmark on generated cohorts.

The table follows from it, and a run can go on from it on another machine.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from xdistill.bench.fresh.plan import FreshPlan, Unit
from xdistill.bench.fresh.results import Found, Result, finished, result_path, write_result
from xdistill.errors import RunError
from xdistill.untrusted import TABLE, CsvWriter, from_cell, read_text

_ROLES: Final = ("student", "teacher")
_NUMBER: Final = re.compile("0|[1-9][0-9]{0,8}")
_COLUMNS: Final = ("value", "train", "cohort", "entry", *_ROLES, "seconds", "recipe", "code")

Results = dict[str, dict[str, dict[int, Result]]]
"""By cell, entry and the cohort's number."""


def scores_text(plan: FreshPlan, found: Mapping[str, Found]) -> str:
    """One row for each cohort and entry, in the order of the file.

    Args:
        plan: of the benchmark.
        found: results of each cell.
    """
    text = io.StringIO()
    writer = CsvWriter(text, numbers=False)
    writer.writerow(_COLUMNS)
    for name, cell in plan.cells.items():
        for unit in cell:
            for entry in plan.benchmark.recipes:
                result = found[name][entry].get(unit.number)
                if result is not None:
                    place = (unit.value, unit.train, unit.number, entry)
                    scores = (round(result.scores[role], 8) if role in result.scores else "" for role in _ROLES)
                    keys = (result.recipe_key, result.facts.get("code", result.key))
                    writer.writerow((*place, *scores, round(result.seconds, 1), *keys))
    return text.getvalue()


def read_scores(plan: FreshPlan, path: Path) -> Results:
    """The results of a file that `scores_text` wrote. Those of cohorts beyond the benchmark file's are left out.

    Raises:
        RunError: when a row is damaged, there twice, or not of the benchmark file; where the file is missing.
    """
    found: Results = {name: {entry: {} for entry in plan.benchmark.recipes} for name in plan.cells}
    cells = {(cell[0].value, str(cell[0].train)): cell for cell in plan.cells.values()}
    rows = csv.DictReader(io.StringIO(read_text(path, TABLE, error=RunError)), strict=True)
    try:
        if tuple(rows.fieldnames or ()) != _COLUMNS:
            raise RunError(f"{path}: the columns are not {', '.join(_COLUMNS)}")
        for row in rows:
            place = f"{path}:{rows.line_num}"
            cell = cells.get((from_cell(row["value"] or ""), row["train"]))
            unit = _unit(cell, row["cohort"], place)
            result = None if unit is None else _result(plan, unit, row, place)
            if unit is not None and result is not None:
                if unit.number in found[unit.cell][result.entry]:
                    raise RunError(f"{place}: a second row of entry {result.entry!r} on this cohort; remove one")
                found[unit.cell][result.entry][unit.number] = result
    except csv.Error as error:
        raise RunError(f"{path}: not a CSV file after line {rows.line_num}: {error}") from None
    return found


def _unit(cell: list[Unit] | None, number: str | None, place: str) -> Unit | None:
    """The cohort of a row; None for one beyond the file's.

    Raises:
        RunError: when there is none of this name.
    """
    if cell is None or not _NUMBER.fullmatch(number or ""):
        raise RunError(f"{place}: the benchmark file has no such cohort; remove the row")
    return cell[int(number or 0)] if int(number or 0) < len(cell) else None


def _result(plan: FreshPlan, unit: Unit, row: Mapping[str, str], place: str) -> Result:
    """One row.

    Raises:
        RunError: when it is damaged, or not what the benchmark file says.
    """
    if None in row or None in row.values():
        raise RunError(f"{place}: a row has {len(_COLUMNS)} cells; restore the file")
    entry, recipe, key = from_cell(row["entry"]), row["recipe"], row["code"]
    if entry not in plan.benchmark.recipes:
        raise RunError(f"{place}: the benchmark file has no entry {entry!r}; remove the row")
    numbers = {name: row[name] for name in (*_ROLES, "seconds") if row[name]}
    try:
        values = {name: float(text) for name, text in numbers.items()}
    except ValueError:
        values = {}
    if not {"student", plan.benchmark.entries[entry].role, "seconds"} <= values.keys() or not all(
        map(math.isfinite, values.values())
    ):
        raise RunError(f"{place}: a score or `seconds` is missing or no number; restore the file")
    if recipe != plan.key(entry, unit, with_code=False):
        raise RunError(f"{place}: the recipe or the cohort is not that of entry {entry!r}; remove the row")
    scores: dict[str, float] = {role: values[role] for role in _ROLES if role in values}
    return Result(entry, plan.key(entry, unit), recipe, "", scores, values["seconds"], {"code": key})


def take_over(plan: FreshPlan, path: Path, folder: Path) -> None:
    """Count the results of a record as finished, where there are none yet.

    They may be of other versions and source files; the column ``code`` keeps telling them apart.

    Raises:
        RunError: when the record cannot be read, or is of other recipes or cohorts.
    """
    found = read_scores(plan, path)
    for name, cell in plan.cells.items():
        for entry, results in found[name].items():
            for unit in cell:
                if unit.number in results and finished(plan, entry, unit, folder) is None:
                    write_result(result_path(folder, unit, entry), results[unit.number])
