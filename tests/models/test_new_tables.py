"""New subjects from tables in the notation of their own hospital."""

from types import SimpleNamespace

import openpyxl
import pytest

from xdistill.errors import DataError
from xdistill.models.tables import read_table
from xdistill.tables import CENSORED, Reading, plain_row
from xdistill.types import ColumnSpec, ModalitySpec, Schema

ROWS = [("subject", "crp", "alt"), ("a", "1.5", "40"), ("b", "<0.5", "1234.25")]
EXPECTED = [[1.5, 0, 40], [0.5, 1, 1234.25]]


class AsTrained:
    """What reads the cells of training, where one column had decimal commas and limits."""

    columns, suffixes, subject = {}, (), "subject"
    readings = (Reading("crp", "quantity", decimal=",", limits=("<",)),)

    def plain(self, row):
        return plain_row(row, self.readings)


@pytest.fixture
def model():
    columns = (
        ColumnSpec("crp"),
        ColumnSpec("crp" + CENSORED, kind="categorical", categories=("no", "<")),
        ColumnSpec("alt", unit="U/L"),
    )
    schema = Schema({"labs": ModalitySpec("vector", (3,), columns)}, ("x", "y"))
    return SimpleNamespace(schema=schema, reader=AsTrained(), inputs=("labs",), config=SimpleNamespace(optional=[]))


def written(rows, delimiter):
    return "\n".join(delimiter.join(row) for row in rows)


def with_commas():
    return [tuple(cell.replace(".", ",") for cell in row) for row in ROWS]


@pytest.mark.parametrize(
    ("name", "text", "note"),
    [
        ("a.csv", written(ROWS, ","), "'crp': 1 below a limit (<)"),  # points, where training had commas
        ("a.csv", written(with_commas(), ";"), "delimiter ';'"),
        ("a.tsv", written(with_commas(), "\t"), "'alt': decimal commas"),
        ("a.csv", written(ROWS, ",").replace("40", "40 U/L"), "'alt': unit 'U/L' in 1 of 2 cells"),
    ],
)
def test_the_numbers_are_those_of_the_file(model, tmp_path, name, text, note):
    (tmp_path / name).write_text(text)
    notes = []
    found = read_table(model, tmp_path / name, notes)
    assert [subject.vectors["labs"].tolist() for subject in found] == EXPECTED
    assert note in notes


def test_workbooks_are_read_as_well(model, tmp_path):
    book = openpyxl.Workbook()
    for row in ROWS:
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    assert [subject.vectors["labs"].tolist() for subject in read_table(model, tmp_path / "a.xlsx")] == EXPECTED


def test_other_units_and_unknown_limits_are_refused(model, tmp_path):
    table = tmp_path / "a.csv"
    table.write_text(written(ROWS, ",").replace("40", "40 mg/L"))
    with pytest.raises(DataError, match="column `alt` is in mg/L, and the model was trained with U/L"):
        read_table(model, table)
    table.write_text(written([*ROWS, ("c", "1", ">400")], ","))
    with pytest.raises(DataError, match=r"line 4: .*'>400' in the column `alt` is not a number; no training subject"):
        read_table(model, table)
