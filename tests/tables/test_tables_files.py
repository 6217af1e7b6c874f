"""Tables in every format, and damaged ones."""

import re
from datetime import date

import pytest

from xdistill.errors import DataError
from xdistill.tables import Format, read_table

openpyxl = pytest.importorskip("openpyxl")


def written(folder, content, name="t.csv"):
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def workbook(folder, rows, *, title="Labor", change=None):
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    if change is not None:
        change(book)
    file = folder / "t.xlsx"
    book.save(file)
    return file


@pytest.mark.parametrize(
    ("content", "how"),
    [
        ("id,a\n1,2\n", ()),
        (b"\xef\xbb\xbfid,a\r\n1,2\r\n", ()),
        ("id;a\n1;2\n;\n", ("delimiter ';'",)),
        ("id\ta\n1\t2\n", ("delimiter a tab ('\\t')",)),
        ("id|a\n1|2\n", ("delimiter '|'",)),
        ("id;a,b\n1;2,5\n3;4\n", ("delimiter ';'",)),
        ("id,ü\n1,2\n".encode("cp1252"), ("encoding cp1252",)),
        ("id;a\n1;2\n".encode("utf-16"), ("encoding utf-16 (byte order mark)", "delimiter ';'")),
        ("id;a;;\n1;2;;\n", ("delimiter ';'", "2 empty columns at the end are left out")),
    ],
)
def test_encoding_and_delimiter_are_found_and_reported(tmp_path, content, how):
    table = read_table(written(tmp_path, content))
    assert table.how == how
    assert table.header[0] == "id"
    assert table.rows[0][0] == "1"


def test_what_is_set_is_not_looked_for(tmp_path):
    file = written(tmp_path, "a title\n\nid;a\n1;2\n")
    table = read_table(file, Format(delimiter=";", header_row=3))
    assert (table.header, table.how, table.numbers) == (("id", "a"), (), (4,))
    with pytest.raises(DataError, match="a single column when split at ','"):
        read_table(written(tmp_path, "id;a\n1;2\n"), Format(delimiter=","))


def test_a_workbook_with_a_title_numbers_dates_and_ids(tmp_path):
    def padded(book):
        book.active["A4"].number_format = "000"

    rows = [["Export"], [], ["id", "a", "day"], [7, 1.5, date(2021, 4, 9)], ["008", 2, None], [None, True, "x"]]
    table = read_table(workbook(tmp_path, rows, change=padded))
    assert table.how == ("sheet 'Labor'", "header in row 3")
    assert table.rows == [["007", "1.5", "2021-04-09"], ["008", "2", ""], ["", "true", "x"]]
    assert table.numbers == (4, 5, 6)


def test_workbooks_that_cannot_be_read(tmp_path):
    rows = [["id", "a"], [1, 2], [3, None]]

    def refusal(change, **settings):
        with pytest.raises(DataError) as caught:
            read_table(workbook(tmp_path, rows, change=change), Format(**settings))
        return str(caught.value)

    assert "merged cells in the table (A2:A3)" in refusal(lambda book: book.active.merge_cells("A2:A3"))
    assert "1 formulas have no saved value (the first is in B3)" in refusal(
        lambda book: book.active.__setitem__("B3", "=B2+1")
    )
    assert "2 sheets (Labor, Other); set `sheet`" in refusal(lambda book: book.create_sheet("Other").append([1]))
    assert "there is no sheet 'Labour'" in refusal(None, sheet="Labour")
    with pytest.raises(DataError, match="not a readable XLSX workbook"):
        read_table(written(tmp_path, b"PK\x03\x04 and so on", "x.xlsx"))
    with pytest.raises(DataError, match="old Excel workbook"):
        read_table(written(tmp_path, b"\xd0\xcf\x11\xe0 and so on", "x.xls"))


def test_parquet(tmp_path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = {
        "id": ["007", "008"],
        "a": [1.5, None],
        "n": [3, 4],
        "day": [date(2021, 4, 9), None],
        "yes": [True, False],
    }
    parquet.write_table(pa.table(columns), tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    assert table.header == ("id", "a", "n", "day", "yes")
    assert table.rows == [["007", "1.5", "3", "2021-04-09", "true"], ["008", "", "4", "", "false"]]
    parquet.write_table(pa.table({"id": ["1"], "a": [[1, 2]]}), tmp_path / "nested.parquet")
    with pytest.raises(DataError, match="the column 'a' holds lists"):
        read_table(tmp_path / "nested.parquet")
    with pytest.raises(DataError, match="not a readable Parquet file"):
        read_table(written(tmp_path, b"PAR1 and so on", "x.parquet"))


def test_other_files_are_refused(tmp_path):
    with pytest.raises(DataError, match="this is not a text file"):
        read_table(written(tmp_path, b"\x89PNG\x00\x01\xff\xfe"))
    with pytest.raises(DataError, match=re.escape("set `data.path`")):
        read_table(tmp_path / "none.csv")
