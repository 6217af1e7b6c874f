"""The scores of all cohorts as one file, which is the record of a benchmark on generated cohorts.

The table follows from it, and a run can go on from it on another machine.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from xdistill.bench.fresh.plan import FreshPlan, Unit
from xdistill.bench.fresh.precision import Found
from xdistill.bench.fresh.results import Result, read_result, result_path, write_result
from xdistill.errors import RunError
from xdistill.untrusted import TABLE, CsvWriter, from_cell, read_text

SCORES: Final = "scores.csv"
_ROLES: Final = ("student", "teacher")
_COLUMNS: Final = ("value", "train", "cohort", "entry", *_ROLES, "seconds", "recipe")


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
                    writer.writerow((*place, *scores, round(result.seconds, 1), result.recipe_key))
    return text.getvalue()


def read_scores(plan: FreshPlan, path: Path) -> dict[str, dict[str, dict[int, Result]]]:
    """The results of a file that `scores_text` wrote, by cell, entry and the cohort's number.

    Raises:
        RunError: when a row is damaged, or of another recipe or cohort; where the file is missing.
    """
    units = {(unit.value, str(unit.train), str(unit.number)): unit for unit in plan.units}
    found: dict[str, dict[str, dict[int, Result]]] = {
        name: {entry: {} for entry in plan.benchmark.recipes} for name in plan.cells
    }
    rows = csv.DictReader(io.StringIO(read_text(path, TABLE, error=RunError)), strict=True)
    try:
        if tuple(rows.fieldnames or ()) != _COLUMNS:
            raise RunError(f"{path}: the columns are not {', '.join(_COLUMNS)}")
        for row in rows:
            place = f"{path}:{rows.line_num}"
            unit = units.get((from_cell(row["value"]), row["train"], row["cohort"]))
            result = _result(plan, unit, row, place)
            if unit is not None and result is not None:
                found[unit.cell][result.entry][unit.number] = result
    except csv.Error as error:
        raise RunError(f"{path}:{rows.line_num}: {error}") from None
    return found


def _result(plan: FreshPlan, unit: Unit | None, row: Mapping[str, str], place: str) -> Result | None:
    """One row; None for a cohort that the file does not have any more.

    Raises:
        RunError: when it is damaged, or not what the benchmark file says.
    """
    try:
        entry, recipe, seconds = from_cell(row["entry"]), row["recipe"], float(row["seconds"])
        scores = {role: float(row[role]) for role in _ROLES if row[role]}
        valid = None not in row and "student" in scores and all(0 <= score <= 1 for score in scores.values())
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise RunError(f"{place}: not a row of scores between 0 and 1; restore the file")
    if unit is None:
        return None
    if entry not in plan.benchmark.recipes or recipe != plan.key(entry, unit, with_code=False):
        raise RunError(f"{place}: the recipe or the cohort is not that of entry {entry!r}; remove the row")
    return Result(entry, plan.key(entry, unit), recipe, "", scores, seconds, {"record": place})


def take_over(plan: FreshPlan, path: Path, folder: Path) -> int:
    """Count the results of a record as finished, where there are none yet; returns their number.

    Raises:
        RunError: when the record cannot be read, or is of other recipes or cohorts.
    """
    found, count = read_scores(plan, path), 0
    for name, cell in plan.cells.items():
        for entry, results in found[name].items():
            for unit in cell:
                target = result_path(folder, unit, entry)
                if unit.number in results and read_result(target) is None:
                    write_result(target, results[unit.number])
                    count += 1
    return count
