from pathlib import Path

import numpy as np
import pytest

from xdistill.errors import DataError
from xdistill.interfaces import Choice
from xdistill.targets.regression import ReadRegression
from xdistill_tabular.table import Table

HEADER = "id,age,gene1,gene2,gene3,outcome,note\n"


def table(folder: Path, text: str, **settings: object) -> Table:
    path = folder / "patients.csv"
    path.write_text(HEADER + text)
    modalities = {"facts": ["age"], "genes": ["gene[2..3]", "gene1"]}
    chosen = {"path": path, "target": "outcome", "classes": ("no", "yes"), "modalities": modalities, **settings}
    return Table(Table.Config.model_validate(chosen))


def test_columns_are_divided_into_modalities_in_the_order_of_the_recipe(tmp_path):
    data = table(tmp_path, "a,40,1,2,3,yes,x\nb,,4,NA,6.5,no,\n", subject="id")
    genes = data.schema().modalities["genes"]
    assert [column.name for column in genes.columns] == ["gene2", "gene3", "gene1"]
    assert [(row.subject, row.target) for row in data.index()] == [("a", 1), ("b", 0)]
    assert data.load(0)["genes"].tolist() == [2, 3, 1]
    assert np.isnan(data.load(1)["facts"]).tolist() == [True]
    assert np.isnan(data.load(1)["genes"]).tolist() == [True, False, False]


def test_rows_are_numbered_without_a_column_of_ids(tmp_path):
    assert table(tmp_path, "a,40,1,2,3,yes,x\n").index()[0].subject == "row-00001"


@pytest.mark.parametrize(
    ("text", "settings", "says"),
    [
        (
            "a,40,1,2,3,perhaps,x\n",
            {},
            "column 'outcome': 'perhaps' is not one of the classes no, yes .`data.classes`. .row 1",
        ),
        ("a,old,1,2,3,no,x\n", {}, "row 1, column 'age': 'old' is not a number"),
        ("a,1,2,3,4,no,x\nb,1,1e39,2,3,no,x\n", {}, "row 2: a value of 'genes' is too large .*, such as 1e\\+39"),
        ("", {"target": "result"}, "there is no column 'result'; the header has id, age"),
        ("", {"modalities": {"genes": ["gene[1..4]"]}}, "there is no column 'gene4'"),
        ("", {"subject": "patient"}, "there is no column 'patient'"),
    ],
)
def test_what_is_wrong_in_the_file_is_said(tmp_path, text, settings, says):
    data = table(tmp_path, text, **settings)
    with pytest.raises(DataError, match=says):
        [data.load(place) for place, _ in enumerate(data.index())]


def test_rows_without_a_label_are_an_error_or_unlabelled(tmp_path):
    text = "a,40,1,2,3,yes,x\nb,,4,NA,6.5,no,\nc,50,1,2,3,NA,x\n"
    with pytest.raises(DataError, match=r"column 'outcome': label is missing \(row 3\); add labels, or set"):
        table(tmp_path, text).index()
    left = table(tmp_path, text, without_label="leave_out")
    assert [(row.subject, row.target) for row in left.index()] == [("row-00001", 1), ("row-00002", 0)]
    assert left.facts().reading.notes == ("rows without a label (`without_label`) are left out: 1 of 3",)
    data = table(tmp_path, text, without_label="unlabelled")
    assert [row.target for row in data.index()] == [1, 0, None]
    task = Choice(ReadRegression, ReadRegression.Config(targets=("age",)))
    numbers = Table(data.config.model_copy(update={"task": task}))
    assert [row.target for row in numbers.index()] == [(40,), None, (50,)]
    assert "without_label" not in Table.cache_settings(table(tmp_path, text).config)  # keys from before it existed


def test_rows_without_what_is_required_are_left_out(tmp_path):
    text = "a,40,1,2,3,yes,x\nb,,4,NA,6.5,no,y\nc,50,,NA,,no,\nd,60,1,1,1,no,z\n"
    data = table(tmp_path, text, subject="id", keep=("note",), require=("note", "facts"))
    assert [row.subject for row in data.index()] == ["a", "d"]
    assert (data.kept_columns(), data.load(1)["facts"].tolist()) == ({"note": ("x", "z")}, [60])
    assert data.vectors()["genes"].tolist() == [[2, 3, 1], [1, 1, 1]]
    assert data.reading().notes == (
        "rows without 'note' (`require`) are left out: 1 of 4",
        "rows without 'facts' (`require`) are left out: 1 of 4",
    )
    with pytest.raises(DataError, match=r"`data.require` names 'site', which is no modality \(facts, genes\) and"):
        table(tmp_path, text, require=("site",)).index()


def test_limits_of_an_assay_have_a_second_column(tmp_path):
    data = table(tmp_path, "a,<40,1,2,>3,yes,x\nb,,4,NA,6.5,no,\nc,50,1,2,3,no,x\n")
    facts, genes = (data.schema().modalities[name] for name in ("facts", "genes"))
    assert [(column.name, column.categories) for column in facts.columns] == [
        ("age", ()),
        ("age censored", ("no", "<")),
    ]
    assert [column.name for column in genes.columns] == ["gene2", "gene3", "gene3 censored", "gene1"]
    values = [[40, 1], [np.nan, np.nan], [50, 0]]
    np.testing.assert_array_equal(data.vectors()["facts"], values)
    np.testing.assert_array_equal([data.load(row)["facts"] for row in range(3)], values)
    assert data.load(0)["genes"].tolist() == [2, 3, 1, 1]
    reader = data.reader(data.reader_settings(["facts"]), data.schema())
    assert reader.plain({"age": "<10"}) == {"age": "10", "age censored": "<"}


def test_a_file_that_is_not_there(tmp_path):
    data = table(tmp_path, "")
    data.path.unlink()
    assert data.schema().classes == ("no", "yes")  # known without it
    with pytest.raises(DataError, match=r"no such file; data\.path names a CSV file"):
        data.index()


def test_the_place_of_the_file_is_not_part_of_the_cohort(tmp_path):
    data = table(tmp_path, "")
    assert "path" not in Table.cache_settings(data.config)
    assert data.sources() == [tmp_path / "patients.csv"]


def test_other_notations_and_formats_are_read_and_reported(tmp_path):
    file = tmp_path / "t.csv"
    file.write_bytes("id;y;a;b\n1;x;0,5 mg;neg\n2;z;?;2+\n3;x;1.200,5;\n".encode("utf-16"))
    settings = {"path": file, "target": "y", "classes": ["x", "z"], "modalities": {"m": ["a", "b"]}}
    table = Table(Table.Config.model_validate(settings))
    np.testing.assert_array_equal(table.vectors()["m"], [[0.5, 0], [np.nan, 2], [1200.5, np.nan]])
    np.testing.assert_array_equal(table.load(2)["m"], [1200.5, np.nan])
    assert table.reading().notes == (
        "'a': decimal commas; marks between thousands, such as '1.200,5'; unit 'mg' in 1 of 2 cells",
        "'b': grades: neg = 0, 2+ = 2",
    )
    assert table.reading().columns["a"]["decimal"] == ","


def test_plain_numbers_are_not_mentioned(tmp_path):
    file = tmp_path / "t.csv"
    file.write_text("y,a\nx,1.5\nz,\n", encoding="utf-8")
    table = Table(Table.Config(path=file, target="y", classes=("x", "z"), modalities={"m": ("a",)}))
    assert table.reading().columns == {}
    assert table.reading().notes == ()
