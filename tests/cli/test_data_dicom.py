"""``xdistill data dicom``."""

import json

import pytest

from dicom.written import voxels, write_series


@pytest.fixture
def export(tmp_path, monkeypatch):
    """A patient with two phases and a localiser."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setenv("COLUMNS", "200")
    texts = {"pre": "T1 pre [bold]", "hbp": "T1 hepatobiliary"}
    for number, (phase, text) in enumerate(texts.items(), start=1):
        times = {"AcquisitionTime": f"10{number:02}30", "SeriesInstanceUID": f"1.2.{number}"}
        write_series(tmp_path / "export" / phase, voxels(number), SeriesDescription=text, **times)
    write_series(tmp_path / "export" / "loc", SeriesInstanceUID="1.2.9", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    return tmp_path / "export"


def test_series_are_listed(xdistill, export, tmp_path):
    ended = xdistill("data", "dicom", export)
    assert ended.code == 0
    head, pre, hbp, localiser, counts = ended.out.splitlines()
    assert head.split() == ["study", "day", "time", "description", "phase", "slices", "spacing", "problems"]
    assert "T1 pre [bold]" in pre
    assert hbp.split()[1:] == ["0", "1:00", "T1", "hepatobiliary", "hepatobiliary", "5", "1.5", "x", "2", "x", "3"]
    assert localiser.rstrip().endswith("localiser (ImageType)")
    assert counts == "1 patient, 1 study, 3 series, of which 2 can be used"
    assert f"{tmp_path / 'settings' / 'xdistill' / 'dicom.key'}: a new key" in ended.err
    assert not any(secret in ended.out + ended.err for secret in ("4711", "Doe", "Jane", "1950"))


def test_a_document_for_programs(xdistill, export):
    document = json.loads(xdistill("data", "dicom", export, "--json", "--phase", "hbp=*hepato*").out)
    assert [series["chosen"] for series in document["series"]] == ["", "hbp", ""]
    assert document["usable"] == 2
    assert document["written"] is None
    assert "source" not in document["series"][0]


def test_a_manifest_is_written(xdistill, export, tmp_path):
    (tmp_path / "rules.yaml").write_text("hbp: '*hepato*'\npre: {description: '*pre*', order: first}\n")
    manifest = tmp_path / "manifest.csv"
    ended = xdistill("data", "dicom", export, "--rules", tmp_path / "rules.yaml", "--output", manifest)
    assert (ended.code, ended.out) == (0, f"{manifest}: 1 rows, 2 series\n")
    assert manifest.read_text().splitlines()[0] == "subject,patient,hbp,pre"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--output", "m.csv"], "--output needs rules"),
        (["--convert", "out"], "--convert needs --output"),
        (["--join", "t.csv", "--output", "m.csv"], "--join and --on go together"),
        (["--key", "k", "--keep-ids"], "exclude each other"),
        (["--phase", "hbp"], "write NAME=PATTERN"),
        (["--phase", "a=x", "--phase", "a=y"], "there is a rule for 'a' already"),
        (["--rules", "absent.yaml"], "cannot read the file"),
    ],
)
def test_options_that_do_not_fit(xdistill, export, options, words):
    ended = xdistill("data", "dicom", export, *options)
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err


@pytest.mark.parametrize(("content", "words"), [("hbp: [", "rules.yaml:1"), ("- x\n", "no rules"), ("", "no rules")])
def test_files_of_rules_that_are_not_valid(xdistill, export, tmp_path, content, words):
    (tmp_path / "rules.yaml").write_text(content)
    ended = xdistill("data", "dicom", export, "--rules", tmp_path / "rules.yaml")
    assert ended.code == 2
    assert words in ended.err


def test_folders_without_dicom(xdistill, tmp_path):
    assert "no such folder" in xdistill("data", "dicom", tmp_path / "absent").err
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "a.txt").write_text("a")
    assert "no DICOM file (1 files of other formats)" in xdistill("data", "dicom", tmp_path / "empty").err


def test_a_recipe_whose_cohort_is_a_folder_of_dicom_files_names_the_command(xdistill, export, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"extends: mvi_hcc\ndata: {{use: manifest, path: {export}}}\n")
    ended = xdistill("recipe", "check", recipe)
    assert ended.code == 2
    assert f"list its series and write a manifest with `xdistill data dicom {export}`" in ended.err
