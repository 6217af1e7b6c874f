"""Manifests over tables as hospitals export them, and over several tables."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from xdistill.data import build_cohort, open_cohort
from xdistill.data.key import cache_key
from xdistill.errors import DataError
from xdistill.interfaces.component import Choice
from xdistill.recipe.schema.recipe import CacheRecipe
from xdistill.targets.survival import ReadSurvival
from xdistill_mri.manifest import ManifestDataset

DATA = os.environ.get("XDISTILL_DATA")
MESSY = """Nr.;Datum;GGT;AFP;Zirrhose;Protein;Thrombo;Scan;Teil;MVI
007;01.03.2021;12,3 U/L;<0,5;Ja;2+;1.204,5;a.mgz;train;M1
008;15.03.2021;8,1 U/L;0,7;Nein;neg;980,0;b.mgz;test;M0
011;02.04.2021;k.A.;>400;ja;1+;-;c.mgz;train;M1
012;2021-04-09;9,9 U/L;1,2;nein ;3+;1.010,0;d.mgz;test;M0
;;;;;;;;;
"""
COLUMNS = {"subject": "Nr.", "label": "MVI"}


def column(dataset, name, modality="clinical"):
    specs = dataset.schema().modalities[modality].columns
    return dataset.vectors()[modality][:, [spec.name for spec in specs].index(name)]


def test_a_messy_table_and_what_is_said_of_it(folder):
    dataset = folder.dataset(MESSY.encode("cp1252"), columns=COLUMNS)
    names = [spec.name for spec in dataset.schema().modalities["clinical"].columns]
    assert names == ["GGT", "AFP", "AFP censored", "Zirrhose", "Protein", "Thrombo"]
    expected = {
        "GGT": [12.3, 8.1, np.nan, 9.9],
        "AFP": [0.5, 0.7, 400, 1.2],
        "AFP censored": [1, 0, 2, 0],  # no, <, >
        "Zirrhose": [1, 0, 1, 0],
        "Protein": [2, 0, 1, 3],
        "Thrombo": [1204.5, 980, np.nan, 1010],
    }
    for name, values in expected.items():
        np.testing.assert_array_equal(column(dataset, name), values)
    assert dataset.schema().modalities["clinical"].columns[0].unit == "U/L"
    assert [row.subject for row in dataset.index()] == ["007", "008", "011", "012"]
    notes = "\n".join(dataset.reading().notes)
    for part in (
        "cohort.csv: delimiter ';'",
        "'Datum': holds dates; days are made of them with `clinical.since`",
        "'Scan': holds names of files, not clinical values; left out",
        "'Teil': holds parts of a split",
        "'AFP': decimal commas; 1 below a limit (<); 1 above a limit (>)",
        "'Thrombo': decimal commas; marks between thousands, such as '1.204,5'; missing: '-'",
    ):
        assert part in notes


@pytest.mark.skipif(DATA is None, reason="XDISTILL_DATA is not set: no real data at hand")
@pytest.mark.parametrize("name", ["clinic.csv", "clinic.xlsx"])
def test_the_clinic_comes_out_as_expected(name):
    messy = Path(DATA or "") / "messy"
    if name.endswith(".xlsx"):
        pytest.importorskip("openpyxl")
    settings = {"columns": {"subject": "Pat.-Nr.", "label": "MVI"}, "clinical": {"exclude": ["Histologie final"]}}
    dataset = ManifestDataset(ManifestDataset.Config.model_validate({"path": str(messy / name), **settings}))
    with (messy / "expected.csv").open(encoding="utf-8") as file:
        expected = list(csv.DictReader(file))
    named = {
        "GGT": "GGT (Serum)",
        "AFP": "AFP",
        "cirrhosis": "Zirrhose",
        "albumin": "Albumin [g/L]",
        "protein_ordinal": "Protein i.U.",
        "platelets": "Thrombo",
    }
    assert [row.subject for row in dataset.index()] == [row["subject"] for row in expected]
    assert [dataset.schema().classes[row.target] for row in dataset.index()] == [row["MVI"] for row in expected]
    for ours, theirs in named.items():
        np.testing.assert_array_equal(column(dataset, theirs), [float(row[ours] or "nan") for row in expected])
    censored = [["", "<", ">"][int(value)] for value in column(dataset, "AFP censored")]
    assert censored == [row["AFP_censored"] for row in expected]


def test_days_since_a_reference(folder):
    rows = ("p1,a,2021-04-09,1.4.2021", "p2,b,2021-04-10,", "p3,a,2021-04-11,12.4.2021")
    dataset = folder.rows(*rows, header="subject,label,visit,lab", clinical={"since": "visit"})
    np.testing.assert_array_equal(column(dataset, "lab"), [-8, np.nan, 1])
    with pytest.raises(DataError, match=r"the column 'lab' holds dates; days are made of them with `clinical\.since`"):
        folder.rows(*rows, header="subject,label,visit,lab", clinical={"include": ["lab"]}).index()


def test_several_vectors_from_one_and_from_other_files(folder):
    (folder.path / "labs.tsv").write_text("id\tCRP\tIL6\nC\t3\t\nA\t1\t2.5\nX\t9\t9\n", encoding="utf-8")
    tables = {"cheap": ["age", "sex"], "labs": {"path": "labs.tsv", "subject": "id"}}
    rows = ("A,ill,61,f,x", "B,well,52,m,y", "C,ill,70,f,x")
    dataset = folder.rows(*rows, header="subject,label,age,sex,remark", tables=tables)
    schema = dataset.schema()
    assert {name: [one.name for one in spec.columns] for name, spec in schema.modalities.items()} == {
        "cheap": ["age", "sex"],
        "labs": ["CRP", "IL6"],
    }
    np.testing.assert_array_equal(dataset.vectors()["labs"], [[1, 2.5], [np.nan, np.nan], [3, np.nan]])
    assert dataset.load(1)["labs"] is None
    assert [path.name for path in dataset.sources()] == ["cohort.csv", "labs.tsv"]
    assert dataset.reading().notes == (
        "labs.tsv: delimiter a tab ('\\t')",
        "tables.labs: 1 of 3 subjects have no row in labs.tsv",
        "tables.labs: 1 of 3 rows of labs.tsv belong to no subject",
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,CRP\nA,1\nA,2\nB,1\nB,1\n", r"2 ids occur more than once in labs\.csv \(lines 2, 3, 4, …\)"),
        ("id,CRP\n007,1\n", "no id of labs.csv is a subject of the cohort; they differ in leading zeros"),
        ("nr,CRP\nA,1\n", r"labs\.csv has no column 'id' of ids; set `tables\.labs\.subject`"),
    ],
)
def test_tables_that_cannot_be_joined(folder, content, message):
    (folder.path / "labs.csv").write_text(content, encoding="utf-8")
    tables = {"labs": {"path": "labs.csv", "subject": "id"}}
    with pytest.raises(DataError, match=message):
        folder.rows("A,ill,1", "7,well,2", header="subject,label,age", tables=tables).index()


def test_a_panel_with_too_few_items_is_missing_and_can_be_required(folder):
    rows = ("p1,ill,a.npy,1,2", "p2,well,b.npy,,3", "p3,ill,c.npy,,", "p4,well,,1,2")
    header = "subject,label,t1,x,y"
    dataset = folder.rows(*rows, header=header)
    assert [dataset.load(row)["clinical"] is None for row in range(4)] == [False, False, True, False]
    dataset = folder.rows(*rows, header=header, clinical={"min_items": 2})
    assert [dataset.load(row)["clinical"] is None for row in range(4)] == [False, True, True, False]
    dataset = folder.rows(*rows, header=header, require=["t1", "clinical"])
    assert [row.subject for row in dataset.index()] == ["p1", "p2"]
    assert "1 subjects without 't1' are left out (`require`)" in dataset.reading().notes
    with pytest.raises(DataError, match=r"unknown modality or kept column 't2' \(require\); valid names: 'date', 't1'"):
        folder.rows(*(f"{row},2020" for row in rows), header=f"{header},date", require=["t2"]).index()
    dates = ("p1,ill,1,2020-01-01", "p2,well,2,", "p3,well,3,2021-01-01")
    dataset = folder.rows(*dates, header="subject,label,x,date", require=["date"])
    assert dataset.kept_columns() == {"date": ("2020-01-01", "2021-01-01")}


def test_rows_without_a_label_are_an_error_or_left_out(folder):
    rows = ["p1,ill,1", "p2,well,2", *(f"q{row},,3" for row in range(5))]
    with pytest.raises(DataError, match=r"column 'label': 5 labels are missing \(lines 4, .*\); add labels, or set"):
        folder.rows(*rows, header="subject,label,age").index()
    dataset = folder.rows(*rows, header="subject,label,age", without_label="leave_out")
    assert [row.subject for row in dataset.index()] == ["p1", "p2"]
    assert dataset.reading().notes == ("5 rows without a label are left out (`without_label`)",)
    dataset = folder.rows(*rows, header="subject,label,age", without_label="unlabelled")
    assert [row.target for row in dataset.index()] == [0, 1, None, None, None, None, None]
    assert dataset.schema().classes == ("ill", "well")
    assert dataset.reading().notes == ("5 rows without a label are kept as unlabelled subjects (`without_label`)",)
    with pytest.raises(DataError, match="no subject has a label: the column 'label' is empty"):
        folder.rows(*rows[2:], header="subject,label,age", without_label="unlabelled").index()


def test_a_label_of_several_columns_is_missing_if_all_of_them_are(folder):
    task = Choice(ReadSurvival, ReadSurvival.Config(time="days", event="died"))

    def targets(*rows):
        config = folder.rows(*rows, header="subject,days,died,age", without_label="unlabelled").config
        return [row.target for row in ManifestDataset(config.model_copy(update={"task": task})).index()]

    rows = ["p1,10,1,50", "p2,,,60", "p3,20,0,70"]
    assert targets(*rows) == [(10, 1), None, (20, 0)]
    with pytest.raises(DataError, match=r"column 'died': label is missing \(line 5\)"):
        targets(*rows, "p4,30,,80")


def test_rows_are_numbered_and_labels_are_numbers(folder):
    dataset = folder.rows("0.0,1", "1.0,2", header="label,age", columns={"subject": None}, classes=[0, 1])
    assert [(row.subject, row.target) for row in dataset.index()] == [("row-00001", 0), ("row-00002", 1)]


def test_missing_texts_are_added_to_the_usual_ones(folder):
    rows = ("p1,ill,NA,1", "p2,well,inf,2", "p3,ill,3,3")
    dataset = folder.rows(*rows, header="subject,label,x,y", missing=["inf"])
    np.testing.assert_array_equal(column(dataset, "x"), [np.nan, np.nan, 3])
    dataset = folder.rows("p1,ill,NA", "p2,well,DE", header="subject,label,x", not_missing=["NA"])
    assert dataset.schema().modalities["clinical"].columns[0].categories == ("DE", "NA")


def test_too_large_numbers_and_many_wrong_cells(folder):
    with pytest.raises(DataError, match=r"line 2: 1e39 in the column 'age' is too large for 32 bits"):
        folder.rows("p1,ill,1e39", "p2,well,2", header="subject,label,age").index()
    rows = [f"p{row},{'ill' if row % 2 else 'well'},{'x' if row < 4 else row}" for row in range(12)]
    with pytest.raises(DataError, match="4 cells of the column 'age' are not numbers: 'x' on line 2"):
        folder.rows(*rows, header="subject,label,age").index()


def test_over_many_names_the_message_says_what_they_look_like(folder):
    rows = [f'p{row},{"ill" if row % 2 else "well"},"{row},5 mg/dl"' for row in range(30)]
    rows[:8] = [f"p{row},{'ill' if row % 2 else 'well'},text {row}" for row in range(8)]
    with pytest.raises(DataError, match="22 of them are numbers with decimal commas and units, but not 'text 0'"):
        folder.rows(*rows, header="subject,label,x").index()


def test_what_was_found_is_in_the_cohort_file_and_in_its_key(folder, tmp_path):
    def key(text):
        dataset = folder.dataset(text)
        return cache_key(Choice(ManifestDataset, dataset.config), dataset, CacheRecipe()), dataset

    plain, dataset = key("subject,label,x\np1,a,1\np2,b,2\n")
    assert dataset.reading().columns == {}
    _, dataset = key("subject,label,x\np1,a,<1\np2,b,2\n")
    assert dataset.reading().columns["clinical"]["x"]["limits"] == ["<"]
    cohort = open_cohort(
        build_cohort(Choice(ManifestDataset, dataset.config), CacheRecipe(), directory=tmp_path / "cache", workers=1)
    )
    assert cohort.facts.reading.notes == dataset.reading().notes
    assert cohort.facts.reading.columns == dataset.reading().columns
    assert len(plain) == 64


def test_new_subjects_are_read_alike(folder):
    dataset = folder.dataset(MESSY.encode(), columns=COLUMNS)
    reader = ManifestDataset.reader(dataset.reader_settings(["clinical"]), dataset.schema())
    row = {"Nr.": "1", "GGT": "7,5 U/L", "AFP": ">100", "Zirrhose": "JA", "Protein": "++", "Thrombo": "2.000"}
    assert reader.plain(row) == {
        "Nr.": "1",
        "GGT": "7.5",
        "AFP": "100",
        "AFP censored": ">",
        "Zirrhose": "yes",
        "Protein": "2",
        "Thrombo": "2000",
    }


def test_settings_of_existing_cohorts_keep_their_key():
    """As the previous version dumped them."""
    settings = ManifestDataset.Config.model_validate({"path": "a.csv", "clinical": {"include": ["x"]}})
    kept = ManifestDataset.cache_settings(settings)
    assert sorted(kept) == [
        *("classes", "clinical", "columns", "delimiter", "encoding", "missing", "preprocess", "source"),
        *("synthetic", "title", "volumes"),
    ]
    assert (kept["delimiter"], kept["encoding"]) == (",", "utf-8")
    assert sorted(kept["clinical"]) == [
        *("categorical", "exclude", "include", "max_categories", "name", "numeric", "units"),
    ]
