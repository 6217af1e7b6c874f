"""From rules to a manifest that the importer reads."""

import csv

import numpy as np
import pytest

from dicom.written import voxels, write_series
from xdistill.errors import DataError, UserError
from xdistill.interfaces.series import Privacy
from xdistill_mri.manifest import ManifestDataset

RULES = {"hbp": "*hepatobiliary*", "pre": {"description": ["*pre*", "*native*"], "contrast": False}}


@pytest.fixture
def export(tmp_path):
    """Four patients with two phases each; the values of ``(patient, phase)``."""
    for patient in range(4):
        for number, (phase, text) in enumerate({"pre": "AX T1 pre", "hbp": "AX T1 Hepatobiliary"}.items()):
            write_series(
                tmp_path / "export" / f"case{patient}" / phase,
                voxels(10 * patient + number),
                PatientID=f"MRN{patient}",
                StudyInstanceUID=f"1.2.{patient}",
                SeriesInstanceUID=f"1.2.{patient}.{number}",
                SeriesDescription=text,
                AcquisitionTime=f"10{number}000",
            )
    (tmp_path / "labels.csv").write_text(
        "PatientID;label;age\n" + "".join(f"MRN{patient};{patient % 2};{60 + patient}\n" for patient in range(4))
    )
    return tmp_path / "export"


@pytest.fixture
def write(dicom, export, tmp_path):
    """Write a manifest; its rows."""

    def made(name="manifest.csv", rules=RULES, *, privacy=None, **options):
        found = dicom.find(export, privacy or Privacy(tmp_path / "key"))
        written = dicom.write(dicom.choose(found, rules), tmp_path / name, **options)
        return written, list(csv.DictReader((tmp_path / name).read_text().splitlines()))

    return made


def dataset(file):
    return ManifestDataset(ManifestDataset.Config.model_validate({"path": str(file)}))


def test_a_row_per_study_and_a_column_per_phase(write, tmp_path):
    written, rows = write(join=(tmp_path / "labels.csv", "PatientID"))
    assert (written.rows, written.volumes, written.converted, written.notes) == (4, 8, 0, ())
    assert list(rows[0]) == ["subject", "patient", "hbp", "pre", "label", "age"]
    by_age = {row["age"]: row for row in rows}
    assert by_age["62"]["hbp"] == "export/case2/hbp/"
    assert by_age["62"]["label"] == "0"
    assert "MRN" not in (tmp_path / "manifest.csv").read_text()


def test_the_importer_reads_folders_and_converted_files_alike(write, tmp_path):
    joined = {"join": (tmp_path / "labels.csv", "PatientID")}
    _, rows = write("folders.csv", **joined)
    written, files = write("files.csv", convert=tmp_path / "volumes", **joined)
    assert written.converted == 8
    assert files[0]["pre"] == f"volumes/{files[0]['subject']}_pre.nii.gz"
    folders, converted = dataset(tmp_path / "folders.csv"), dataset(tmp_path / "files.csv")
    assert list(folders.schema().modalities) == ["hbp", "pre", "clinical"]
    assert folders.schema().modalities["hbp"].shape == (1, 5, 4, 3)
    assert len(folders.sources()) == 1 + 8 * 5
    for row in range(4):
        patient = int(rows[row]["age"]) - 60
        assert np.array_equal(folders.load(row)["hbp"][0], voxels(10 * patient + 1))
        assert np.array_equal(folders.load(row)["hbp"], converted.load(row)["hbp"])
        assert np.array_equal(folders.load(row)["pre"], converted.load(row)["pre"])


def test_a_manifest_without_labels_says_so(write):
    written, _ = write()
    assert written.notes == (
        "there is no column `label`; add it before training, such as with --join TABLE --on COLUMN",
    )


def test_rows_without_a_match_are_counted(write, tmp_path):
    (tmp_path / "labels.csv").write_text("id,label\nMRN0,0\nMRN7,1\n")
    written, rows = write(join=(tmp_path / "labels.csv", "id"))
    assert written.notes == (
        "3 of 4 rows have no match in the joined table",
        "1 of 2 rows of the joined table fit no study",
    )
    assert sorted(row["label"] for row in rows) == ["", "", "", "0"]


def test_a_path_that_names_the_patient_is_refused(write, export, tmp_path):
    (export / "case0").rename(export / "MRN0")
    with pytest.raises(DataError, match="2 of 8 series are in folders whose names contain a patient's name or id"):
        write()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["export", "key", "labels.csv"]
    written, _ = write(convert=tmp_path / "volumes")
    assert written.rows == 4
    _, rows = write("kept.csv", privacy=Privacy(None))
    assert rows[0]["hbp"] == "export/MRN0/hbp/"


def test_series_that_share_a_folder_are_converted(write, export, tmp_path):
    for file in (export / "case0" / "pre").iterdir():
        file.rename(export / "case0" / "hbp" / f"pre{file.name}")
    with pytest.raises(DataError, match="2 of 8 series share their folder with other files"):
        write()
    assert write(convert=tmp_path / "volumes")[0].converted == 8


def test_nothing_is_overwritten_or_left_half_written(write, export, tmp_path):
    (tmp_path / "manifest.csv").write_text("mine")
    with pytest.raises(UserError, match="exists already"):
        write()
    file = next((export / "case3" / "hbp").iterdir())
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(UserError, match="there is no folder"):
        write("absent/manifest.csv")
    written, rows = write("new.csv")
    assert sorted(row["hbp"] == "" for row in rows) == [False, False, False, True]
    assert {path.name for path in tmp_path.iterdir()} == {"export", "key", "labels.csv", "manifest.csv", "new.csv"}
    assert written.volumes == 7


def test_what_a_rule_can_ask_for(dicom, found, export):
    series = found(export)

    def first(rule):
        return next(row["x"].description for row in dicom.choose(series, {"x": rule}).rows.values())

    assert first({"description": "ax*", "order": "first"}) == "AX T1 pre"
    assert first({"description": "ax*", "order": "last"}) == "AX T1 Hepatobiliary"
    assert first({"order": 2}) == "AX T1 Hepatobiliary"
    assert first({"exclude": "*pre*", "modality": "mr"}) == "AX T1 Hepatobiliary"
    assert first({"seconds": [600, 900]}) == "AX T1 Hepatobiliary"
    assert first({"seconds": [0, 10], "slices": [5, 5], "image_type": "original*"}) == "AX T1 pre"


def test_a_rule_that_fits_several_series_is_refused(dicom, found, export):
    with pytest.raises(UserError) as raised:
        dicom.choose(found(export), {"t1": "AX T1*"})
    assert "t1: fits several series of 4 studies (descriptions: 'AX T1 pre', 'AX T1 Hepatobiliary')" in str(
        raised.value
    )


def test_what_no_series_fits_is_told_with_the_reason(dicom, found, export):
    next((export / "case1" / "hbp").iterdir()).unlink()
    chosen = dicom.choose(found(export), {"hbp": "*hepato*"})
    assert len(chosen.rows) == 3
    (lacking, left_out) = chosen.notes
    assert lacking.startswith("hbp: no series in 1 of 4 studies; refused: ")
    assert left_out == "1 study without any phase: left out"
    with pytest.raises(UserError, match=r"no series fits the rules:\n  x: no series in 4 of 4 studies"):
        dicom.choose(found(export), {"x": "nothing"})


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({}, "there is no phase"),
        ({"a b": "x"}, "'a b' is not a valid name of a phase"),
        ({"label": "x"}, "'label' is not a valid name"),
        ({"hbp": {"desription": "x"}}, "hbp.desription: extra inputs are not permitted"),
        ({"hbp": {"order": 0}}, "hbp.order"),
        ({"hbp": 7}, "hbp: "),
    ],
)
def test_rules_that_are_not_valid(dicom, found, export, rules, words):
    with pytest.raises(UserError) as raised:
        dicom.choose(found(export), rules)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("id,label\nMRN0,0\nMRN0,1\n", "line 3: this id occurs a second time"),
        ("id,label\nMRN0\n", "line 2: 1 cells where the header has 2"),
        ("id,hbp\nMRN0,1\n", "rename the column 'hbp'"),
        ("case,label\nMRN0,1\n", "no column 'id'; it has case, label"),
    ],
)
def test_joined_tables_that_are_not_valid(write, tmp_path, content, words):
    (tmp_path / "labels.csv").write_text(content)
    with pytest.raises(DataError, match=words):
        write(join=(tmp_path / "labels.csv", "id"))
