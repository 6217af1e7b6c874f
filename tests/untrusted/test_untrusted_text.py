"""Text of others on terminals, as ids, and in spreadsheets."""

from __future__ import annotations

import io
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xdistill.tables.read import read_table
from xdistill.tables.table import Table
from xdistill.untrusted import CsvWriter, from_cell, normal_id, printable, to_cell
from xdistill_mri.manifest.joining import Ids, joined
from xdistill_mri.manifest.problems import Problems
from xdistill_mri.manifest.story import Story


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("a\x9b31mb", "a\\x9b31mb"),
        ("abc\u202egnp.exe", "abc\\u202egnp.exe"),
        ("half\ud800", "half\\ud800"),
        ("two\nlines\tand Ä, 中, 😀", "two\nlines\tand Ä, 中, 😀"),
    ],
)
def test_control_characters_are_shown_as_escapes(text, shown):
    assert printable(text) == shown


def test_the_spellings_of_one_id_are_one_id():
    assert normal_id(unicodedata.normalize("NFD", "Ärzte-é")) == "Ärzte-é"
    assert normal_id("case-01") == "case-01"


@given(st.text())
def test_cells_are_no_formulas_and_read_back(text):
    cell = to_cell(text)
    assert from_cell(cell) == text
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_a_table_holds_no_formula_and_is_read_back(tmp_path):
    stream = io.StringIO()
    rows = [["subject", "=a"], ["=cmd|'/C calc'!A0", -1.5], ["case-1", "-2e3"], ["'@x", "+x"], ["plain", ""]]
    CsvWriter(stream).writerows(rows)
    assert stream.getvalue() == "subject,'=a\n'=cmd|'/C calc'!A0,-1.5\ncase-1,-2e3\n''@x,'+x\nplain,\n"
    file = tmp_path / "table.csv"
    file.write_text(stream.getvalue(), encoding="utf-8")
    table = read_table(file)
    assert [list(table.header), *map(list, table.rows)] == [[str(cell) for cell in row] for row in rows]


def test_another_spelling_of_an_id_is_joined():
    table = Table(Path("laboratory.csv"), ("id", "crp"), (2,), [[unicodedata.normalize("NFD", "Ärzte-é"), "1"]])
    problems = Problems(Path("manifest.csv"))
    assert joined(Ids(table, "id", "tables.blood"), ["case-1", "Ärzte-é"], Story(), problems) == [-1, 0]
