"""``xdistill explain``: what it writes, and what it refuses."""

import csv
import json
import shutil

import numpy as np
import pytest

from explain.toy_students import CLASSES, linear, model_of, multibranch, reads_from, vector, volumes

nibabel = pytest.importorskip("nibabel")
SHAPE = (8, 16, 16)  # depth, height, width


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "toy"
    return model_of(multibranch("mri"), volumes("mri", shape=SHAPE), reader=reads_from({})).save(folder)


@pytest.fixture
def table(tmp_path):
    """Two patients, the second of whom has the id that a test gives."""

    def write(second="b"):
        rng = np.random.default_rng(0)
        for name in ("one", "two"):
            image = nibabel.Nifti1Image(rng.random(SHAPE[::-1]).astype("float32"), np.diag([2, 2, 4, 1.0]))
            image.to_filename(tmp_path / f"{name}.nii.gz")
        with (tmp_path / "new.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["subject", "mri"], ["a", "one.nii.gz"], [second, "two.nii.gz"]])
        return tmp_path / "new.csv"

    return write


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_what_is_written(xdistill, model, table, tmp_path):
    done = xdistill("explain", model, table(), "--to", tmp_path / "maps", "--check", "--method", "gradcam")
    assert done.code == 0, done.err
    assert files(tmp_path / "maps") == ["a/mri.nii.gz", "b/mri.nii.gz", "explain.csv", "explain.html"]
    assert "Grad-CAM of mri: branches.mri.trunk.blocks.2.first (2x4x4)" in done.err
    assert [line.split(":")[0] in {"passed", "FAILED"} for line in done.out.splitlines()] == [True, True]
    with (tmp_path / "maps" / "explain.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == ["a/mri.nii.gz", "b/mri.nii.gz"]
    for row in rows:
        values = nibabel.load(tmp_path / "maps" / row["file"]).get_fdata()
        peak = [int(row[f"peak_{axis}"]) for axis in "ijk"]
        assert np.unravel_index(values.argmax(), values.shape) == tuple(peak)
        assert [float(row[f"peak_{axis}"]) for axis in "xyz"] == [2 * peak[0], 2 * peak[1], 4 * peak[2]]


def test_json_and_another_class(xdistill, model, table, tmp_path):
    done = xdistill("explain", model, table(), "--to", tmp_path / "m", "--class", "M1", "--json", "-q")
    document = json.loads(done.out)
    assert [row["explained"] for row in document["maps"]] == ["M1", "M1"]
    assert done.err == ""


def test_single_files(xdistill, model, table, tmp_path):
    table()
    done = xdistill(
        "explain", model, f"mri={tmp_path / 'one.nii.gz'}", "--to", tmp_path / "m", "--method", "occlusion",
        "--window", "4,8,8",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert files(tmp_path / "m") == ["1/mri.nii.gz", "explain.csv", "explain.html"]


@pytest.mark.parametrize(
    "second", ["../../b", "..", "b/../../c", "A", "explain.html", "x" * 300, "<script>alert(1)</script>"]
)
def test_ids_never_leave_the_folder_and_are_escaped(xdistill, model, table, tmp_path, second):
    done = xdistill("explain", model, table(second), "--to", tmp_path / "out" / "maps")
    assert done.code == 0, done.err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["maps"]
    assert len(files(tmp_path / "out" / "maps")) == 4
    assert "<script>" not in (tmp_path / "out" / "maps" / "explain.html").read_text()


def test_ids_can_be_left_out(xdistill, model, table, tmp_path):
    done = xdistill("explain", model, table("secret"), "--to", tmp_path / "maps", "--anonymous")
    assert done.code == 0, done.err
    assert files(tmp_path / "maps") == ["1/mri.nii.gz", "2/mri.nii.gz", "explain.csv", "explain.html"]
    for name in ("explain.csv", "explain.html"):
        assert "secret" not in (tmp_path / "maps" / name).read_text()


def test_columns_of_a_table(xdistill, tmp_path):
    folder = model_of(linear("blood"), {"blood": vector("age", "<b>afp</b>")}).save(tmp_path / "m")
    (tmp_path / "new.csv").write_text("subject,age,<b>afp</b>\nx,50,3\n")
    done = xdistill("explain", folder, tmp_path / "new.csv", "--to", tmp_path / "out", "--method", "ig")
    assert done.code == 0, done.err
    assert files(tmp_path / "out") == ["columns.csv", "explain.csv", "explain.html"]
    with (tmp_path / "out" / "columns.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["column"], row["value"]) for row in rows] == [("age", "50"), ("<b>afp</b>", "3")]
    page = (tmp_path / "out" / "explain.html").read_text()
    assert "&lt;b&gt;afp&lt;/b&gt;" in page
    assert "<b>afp" not in page


def test_a_broken_file_leaves_nothing_or_is_listed(xdistill, model, table, tmp_path):
    given = table()
    (tmp_path / "one.nii.gz").write_bytes(b"not a volume")
    done = xdistill("explain", model, given, "--to", tmp_path / "maps")
    assert done.code == 2
    assert "one.nii.gz" in done.err
    assert not [path for path in tmp_path.iterdir() if "maps" in path.name]
    done = xdistill("explain", model, given, "--to", tmp_path / "maps", "--skip-errors")
    assert done.code == 0
    assert "1 of 2 subjects could not be read" in done.err
    assert files(tmp_path / "maps") == ["b/mri.nii.gz", "explain.csv", "explain.html"]


def test_a_folder_that_holds_something_is_left_alone(xdistill, model, table, tmp_path):
    given = table()
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "mine.txt").write_text("mine")
    done = xdistill("explain", model, given, "--to", tmp_path / "maps")
    assert done.code == 2
    assert "is not an empty folder" in done.err
    assert files(tmp_path / "maps") == ["mine.txt"]
    shutil.rmtree(tmp_path / "maps")
    (tmp_path / "maps").mkdir()
    assert xdistill("explain", model, given, "--to", tmp_path / "maps").code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--class", "M7"], f"no class 'M7'. Classes: {', '.join(CLASSES)}|no class 'M7'"),
        (["--method", "lime"], "unknown method 'lime'"),
        (["--method", "gradcam", "--layer", "trunk"], "has no layer `trunk`; its convolutions: branches.mri.trunk"),
        (["--method", "occlusion", "--window", "3,x"], "is not a list of whole numbers"),
        (["--device", "tpu"], "tpu"),
    ],
)
def test_a_wrong_option_is_one_message(xdistill, model, table, tmp_path, options, message):
    done = xdistill("explain", model, table(), "--to", tmp_path / "maps", *options)
    assert done.code == 2
    assert any(part in " ".join(done.err.split()) for part in message.split("|"))
    assert "Traceback" not in done.err
    assert not (tmp_path / "maps").exists()
