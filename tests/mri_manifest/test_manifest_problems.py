"""What is wrong with a table, said with its lines and its remedy."""

import pytest
from pydantic import ValidationError

from xdistill.errors import DataError
from xdistill_mri.manifest import ManifestDataset


def refusal(dataset):
    with pytest.raises(DataError) as caught:
        dataset.index()
    said = str(caught.value)
    assert str(dataset.path) in said
    return said


@pytest.mark.parametrize(
    ("content", "settings", "parts"),
    [
        (b"", {}, ["the file is empty"]),
        (b"\n \n", {}, ["the file is empty"]),
        (b"subject,label,age\n", {}, ["the cohort is empty; the file has a header but no rows"]),
        (b"subject;label;age\np;a;1\n", {"delimiter": ","}, ["the file seems to use ';'", 'set `delimiter: ";"`']),
        (
            b"subject\tlabel\tage\np\ta\t1\n",
            {"delimiter": ","},
            ["the file seems to use a tab", 'set `delimiter: "\\t"`'],
        ),
        (b"subject,label\np,a\n", {"delimiter": ";"}, ["a single column when split at", 'set `delimiter: ","`']),
        (
            "subject,label,ort\np,a,x\nq,b,Köln\n".encode("cp1252"),
            {"encoding": "utf-8"},
            ["line 3", "not utf-8 text", "cp1252"],
        ),
        ("subject,label,age\n".encode("utf-16"), {"encoding": "utf-8"}, ["is UTF-16"]),
        (b"subject,label,ages\n", {"encoding": "utf-16"}, ["not utf-16 text"]),
        (b"PK\x03\x04 and so on", {}, ["not a readable XLSX workbook", "export the sheet as CSV"]),
        (
            b"subject,label,age\np,a,1\nq,b\nr,a,1,2\n",
            {},
            ["2 problems", "line 3: has 2 cells", "line 4: has 4 cells where the header has 3"],
        ),
        (
            b"subject,label,age,label,age\np,a,1,b,2\n",
            {},
            ["'label' occurs 2 times (columns 2, 4)", "'age' occurs 2 times (columns 3, 5)"],
        ),
        (b",subject,label\n1,p,a\n", {}, ["line 1: column 1 has no name"]),
        (b'subject,label,age\np,a,1\nq,"b,2\n', {}, ["line 3: cannot be read as CSV", "quotes"]),
        (
            b"subject,diagnosis,age\np,a,1\n",
            {},
            ["unknown column 'label' (columns.label)", "valid names: 'subject', 'diagnosis', 'age'"],
        ),
        (b"Subject,lable,age\np,a,1\n", {}, ["did you mean 'Subject'?", "did you mean 'lable'?"]),
        (
            b"subject,label,age\np,a,1\n",
            {"columns": {"patient": "persons"}},
            ["unknown column 'persons' (columns.patient)"],
        ),
    ],
)
def test_a_table_that_cannot_be_read(folder, content, settings, parts):
    said = refusal(folder.dataset(content, **settings))
    for part in parts:
        assert part in said


def test_a_missing_table(tmp_path):
    dataset = ManifestDataset(ManifestDataset.Config(path=tmp_path / "none.csv"))
    assert "no such file; set `data.path`" in refusal(dataset)
    assert "is a folder" in refusal(ManifestDataset(ManifestDataset.Config(path=tmp_path)))


@pytest.mark.parametrize(
    ("rows", "settings", "parts"),
    [
        (["p1,ill,,1,f", "p2,well,,2,f", "p1,ill,,3,m"], {}, ["line 4: the subject 'p1' is also on line 2"]),
        ([",ill,a.npy,1,f"], {}, ["line 2: the subject's id is missing"]),
        (
            ["p1,,a.npy,1,f"],
            {},
            ["column 'label': label is missing (line 2); add labels, or set `data.without_label`"],
        ),
        (
            ["p1,il,a.npy,1,f"],
            {"classes": ["ill", "well"]},
            ["unknown label 'il'; did you mean 'ill'? (line 2)"],
        ),
        (["p1,ill,a.npy,1,f", "p2,ill,b.npy,1,f"], {}, ["every subject has the label 'ill'"]),
        (["p1,ill,x.npy,1,f", "p2,well,b.npy,2,f"], {}, ["line 2: 'x.npy' in the column 't1' does not exist"]),
        (
            ["p1,ill,a.npy,1,f", "p2,well,a.npy,2,f"],
            {},
            ["line 3: 'a.npy' in the column 't1' is also the volume of another patient, on line 2"],
        ),
        (
            ["p1,ill,a.dcm,1,f", "p2,well,b.npy,2,f"],
            {"volumes": ["t1"]},
            ["line 2: 'a.dcm' in the column 't1' is not a volume: files end in .nii, .nii.gz, .npy, .npz"],
        ),
        (
            ["p1,ill,a.dcm,1,f", "p2,well,b.npy,2,f", "p3,well,c.npy,3,f"],
            {},
            ["line 2: 'a.dcm' in the column 't1' is not a volume"],
        ),
        (["p1,ill,.,1,f", "p2,well,b.npy,2,f"], {"volumes": ["t1"]}, ["is a folder", "without DICOM files"]),
        (["p1,ill,sub\\a.npy,1,f", "p2,well,b.npy,2,f"], {}, ["write it with / instead of \\"]),
        (
            ["p1,ill,,1,f", "p2,well,,2,f"],
            {"volumes": ["t1"]},
            ["no subject has a volume 't1': the column 't1' is empty"],
        ),
        (
            ["p1,ill,a.npy,1,f", "p2,well,b.npy,<5,f", "p3,well,c.npy,2,f"],
            {"reading": "plain"},
            ["line 3: '<5' in the column 'age' is not a number", "clinical.categorical"],
        ),
        (
            ["p1,ill,a.npy,1,f", 'p2,well,b.npy,"2,5",f', "p3,well,c.npy,2,f"],
            {"reading": "plain"},
            ["'2,5' in the column 'age'", "write it with a point: 2.5"],
        ),
        (
            ["p1,ill,a.npy,inf,f", "p2,well,b.npy,1,f", "p3,ill,c.npy,2,f"],
            {},
            ["line 2: 'inf' in the column 'age' is not a number"],
        ),
        (
            ["p1,ill,a.npy,1_0,f", "p2,well,b.npy,1,f", "p3,ill,c.npy,2,f"],
            {},
            ["'1_0' in the column 'age' is not a number"],
        ),
        (
            ["p1,ill,a.npy,1,f", "p2,well,b.npy,2,m"],
            {"clinical": {"numeric": ["sex"]}},
            ["line 2: 'f' in the column 'sex' is not a number", "line 3: 'm'"],
        ),
        (
            ["p1,ill,a.npy,,f", "p2,well,b.npy,NA,m"],
            {},
            ["the column 'age' is empty in all rows", "clinical.exclude"],
        ),
        (
            ["p1,ill,a.npy,1,f"],
            {"clinical": {"include": ["ages"]}},
            ["unknown column 'ages' (clinical.include); did you mean 'age'?"],
        ),
        (
            ["p1,ill,a.npy,1,f"],
            {"clinical": {"units": {"agee": "years"}}},
            ["unknown column 'agee' (clinical.units); did you mean 'age'?"],
        ),
        (
            ["p1,ill,a.npy,1,f"],
            {"clinical": {"include": ["age", "label"]}},
            ["'label' holds the subject, the patient or the class and cannot be a clinical value"],
        ),
        (["p1,ill,a.npy,1,f"], {"clinical": {"include": ["age", "t1"]}}, ["'t1' has another role"]),
        (
            ["p1,ill,a.npy,1,f"],
            {"clinical": {"categorical": ["age"], "numeric": ["age"]}},
            ["both in `clinical.categorical` and in `clinical.numeric`"],
        ),
        (["p1,ill,a.npy,1,f"], {"clinical": {"name": "t1"}}, ["both called 't1'; set `clinical.name`"]),
        (
            ["p1,ill,a.npy,1,f"],
            {"volumes": {"mri": "t1w"}},
            ["unknown column 't1w' (volumes.mri.column); did you mean 't1'?"],
        ),
        (["p1,ill,a.npy,1,f"], {"volumes": {"mri": "label"}}, ["'label' has another role"]),
        (["p1,ill,a.npy,1,f"], {"preprocess": {"crop": {"mask": "organ"}}}, ["unknown column 'organ' (crop.mask)"]),
        (["p1,ill,,1,f"], {"volumes": {}, "clinical": None}, ["neither volumes nor clinical columns"]),
    ],
)
def test_rows_at_fault(folder, rows, settings, parts):
    said = refusal(folder.rows(*rows, **settings))
    for part in parts:
        assert part in said


def test_a_patient_may_have_subjects_of_two_labels_but_must_be_named(folder):
    rows = ("s1,p,ill,1", "s2,q,ill,1", "s3,p,well,2", "s4,,well,2")
    said = refusal(folder.rows(*rows, header="subject,patient,label,age"))
    assert "line 5: the patient is missing" in said
    dataset = folder.rows(*rows[:3], header="subject,patient,label,age")
    assert [(row.patient, row.target) for row in dataset.index()] == [("p", 0), ("q", 0), ("p", 1)]
    alone = folder.rows(*rows[:3], header="subject,patient,label,age", columns={"patient": "subject"})
    assert [row.patient for row in alone.index()] == ["s1", "s2", "s3"]
    assert [column.name for column in alone.schema().modalities["clinical"].columns] == ["age"]


def test_a_subject_column_called_patient_is_enough(folder):
    dataset = folder.rows("p1,ill,3", "p2,well,4", header="patient,label,age", columns={"subject": "patient"})
    assert [row.patient for row in dataset.index()] == ["p1", "p2"]


@pytest.mark.parametrize("name", ["Patient", "patient_id", "PatientID"])
def test_a_column_that_looks_like_the_patient_is_not_overlooked(folder, name):
    rows = ("s1,1,ill,3", "s2,1,ill,4", "s3,2,well,5")
    header = f"subject,{name},label,age"
    assert f"the column {name!r} looks like patients: set `columns.patient`" in refusal(
        folder.rows(*rows, header=header)
    )
    named = folder.rows(*rows, header=header, columns={"patient": name})
    assert [row.patient for row in named.index()] == ["1", "1", "2"]
    assert len(folder.rows(*rows, header=header, columns={"patient": "subject"}).index()) == 3


@pytest.mark.parametrize(("one", "other"), [("M0", "m0"), ("1", "1.0")])
def test_one_class_written_in_two_ways_is_not_made_two(folder, one, other):
    rows = (f"p1,{one},3", f"p2,{other},4", "p3,7,5")
    said = refusal(folder.rows(*rows, header="subject,label,age"))
    assert f"the labels {one!r} and {other!r} look like one class" in said
    both = folder.rows(*rows, header="subject,label,age", classes=[one, other, "7"])
    assert [row.target for row in both.index()] == [0, 1, 2]


def test_a_path_that_cannot_be_looked_up_is_a_fault(folder):
    said = refusal(folder.rows(f"p1,ill,{'x' * 300}.npy,1,f", "p2,well,b.npy,2,f"))
    assert "line 2: " in said
    assert "cannot be read" in said


def test_a_patient_may_have_one_file_twice(folder):
    rows = ("s1,p,ill,a.npy", "s2,p,ill,a.npy", "s3,q,well,b.npy")
    assert len(folder.rows(*rows, header="subject,patient,label,t1").index()) == 3


def test_names_without_end_are_no_categories(folder):
    rows = [f"p{row},{'ill' if row % 2 else 'well'},note {row}" for row in range(30)]
    said = refusal(folder.rows(*rows, header="subject,label,remark"))
    assert "'remark' holds 30 different categories, but at most 20 are allowed (`clinical.max_categories`)" in said
    assert len(folder.rows(*rows, header="subject,label,remark", clinical={"max_categories": 30}).index()) == 30


def test_a_mask_that_is_missing(folder):
    rows = ("p1,ill,a.npy,", "p2,well,b.npy,nowhere.npy", "p3,well,,")
    said = refusal(folder.rows(*rows, header="subject,label,t1,organ", preprocess={"crop": {"mask": "organ"}}))
    assert "line 2: the volume 't1' has no mask to crop it by (column 'organ')" in said
    assert "line 3: 'nowhere.npy' in the column 'organ' does not exist" in said
    assert "line 4" not in said


def test_a_bound_that_is_no_number(folder):
    box = {"depth": ["top", 2], "height": [0, 2], "width": [0, 2]}
    rows = ("p1,ill,a.npy,0", "p2,well,b.npy,-1", "p3,well,c.npy,")
    said = refusal(folder.rows(*rows, header="subject,label,t1,top", preprocess={"crop": {"box": box}}))
    assert "line 3: '-1' in the column 'top' is not a bound of a box" in said
    assert "line 4: '' in the column 'top'" in said


def test_a_column_whose_name_cannot_be_a_modality(folder):
    rows = ("p1,ill,a.npy", "p2,well,b.npy")
    said = refusal(folder.rows(*rows, header="subject,label,T1/post (mm)"))
    assert "volumes: {some_name: 'T1/post (mm)'}" in said
    named = folder.rows(*rows, header="subject,label,T1/post (mm)", volumes={"post": "T1/post (mm)"})
    assert list(named.schema().modalities) == ["post"]


def test_ten_faults_are_shown_at_once_in_the_order_of_the_lines(folder):
    rows = [f"p{row % 7},m{row % 9},x{row}.npy,1,f" for row in range(20)]
    said = refusal(folder.rows(*rows, classes=["ill", "well"])).splitlines()
    # 9 unknown labels, 13 duplicates, 20 files; ids and files have one cause each and are one line each.
    assert said[0].endswith("42 problems:")
    assert len(said) == 12
    assert said[-1].strip() == "and 13 more"
    assert [line.split("'")[1] for line in said[1:10]] == [f"m{row}" for row in range(9)]
    assert "line 2: 'x0.npy' in the column 't1' does not exist" in said[10]
    assert said[10].endswith("(and 19 more lines like it: 3, 4, 5, …)")


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"volumes": {"a/b": "t1"}}, "pattern"),
        ({"delimiter": ";;"}, "at most 1 character"),
        ({"delimiter": "x"}, "is not a valid separator"),
        ({"delimiter": "\n"}, "is not a valid separator"),
        ({"encoding": "utf-9"}, "unknown text encoding 'utf-9'"),
        ({"classes": ["a", "a"]}, "a class occurs twice"),
        ({"colums": {}}, "colums"),
        ({"volumes": {"t1": {"preprocess": {"clip": [5, 1]}}}}, "lower first"),
    ],
)
def test_settings_that_cannot_be(settings, part):
    with pytest.raises(ValidationError) as caught:
        ManifestDataset.Config.model_validate({"path": "x.csv", **settings})
    assert part in str(caught.value)
