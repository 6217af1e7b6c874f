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
    data = table(tmp_path, text, without_label="unlabelled")
    assert [row.target for row in data.index()] == [1, 0, None]
    task = Choice(ReadRegression, ReadRegression.Config(targets=("age",)))
    numbers = Table(data.config.model_copy(update={"task": task}))
    assert [row.target for row in numbers.index()] == [(40,), None, (50,)]
    assert "without_label" not in Table.cache_settings(table(tmp_path, text).config)  # keys from before it existed


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
