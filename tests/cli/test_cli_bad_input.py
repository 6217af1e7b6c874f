"""What bad input gets: one message with the place and the remedy, exit code 2, and nothing half-finished."""

import nibabel
import numpy as np
import pytest


def left_behind(cohort):
    """What a refused run left: cohort caches and files of runs."""
    return [str(path) for folder in ("cache", "runs") for path in (cohort.folder / folder).rglob("*") if path.is_file()]


@pytest.fixture
def refused(cohort, xdistill):
    """Run the recipe and see it refused."""

    def run(*parts, arguments=(), kept=0):
        ended = xdistill("run", "recipe.yaml", *arguments)
        assert ended.code == 2, ended.err
        assert ended.out == ""
        assert ended.err.count("error: ") == 1
        assert "Traceback" not in ended.err
        for part in parts:
            assert part in ended.err
        assert len(left_behind(cohort)) == kept
        assert not (cohort.folder / "runs").exists()
        return ended.err

    return run


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("use: class_kl", "use: clas_kl", ["recipe.yaml:26:15: ", "unknown loss `clas_kl`; did you mean `class_kl`?"]),
        ("use: manifest", "use: manifesto", ["recipe.yaml:3:8: data.use", "no dataset", "did you mean 'manifest'?"]),
        (
            "use: cross_attention",
            "use: mri_only",
            ["recipe.yaml:12:", "'mri_only' is an encoder, and a fusion is required here"],
        ),
        (
            "epochs: 1",
            "epoch: 1",
            ["recipe.yaml:22:5: ", "field `epoch`; did you mean `epochs`?", "is required"],
        ),
        ("width: 0.03", "wdith: 0.03", ["recipe.yaml:10:62: teacher.branches.hbp.wdith", "did you mean `width`?"]),
        ("epochs: 1", "epochs: many", ["recipe.yaml:22:13: ", "should be a valid integer, got 'many'"]),
        ("features: 8", "features: [8]", ["recipe.yaml:10:", "should be a valid integer, got a list"]),
        (
            "{folds: 3}",
            "{folds: 1}",
            ["recipe.yaml:28:19: crossval.folds: should be greater than or equal to 2"],
        ),
        (
            "taps: [hbp, pre]",
            "taps: [hbp, per]",
            ["recipe.yaml:27:", "has no tap `per`; did you mean `pre`?"],
        ),
        (
            "privileged: [clinical]",
            "privileged: [clinical, blood]",
            ["recipe.yaml:5:13: privileged: the data set has no modality `blood`"],
        ),
        (
            "{use: mri_only, inputs: [hbp]",
            "{use: mri_clinical_fusion, inputs: [hbp, clinical]",
            ["recipe.yaml:13:1: ", "the student reads `clinical`, which is listed in `privileged`"],
        ),
        (
            "    pre: {use: mri_only, inputs: [pre], width: 0.03125, blocks: 2, features: 8}\n",
            "",
            ["recipe.yaml:17:", "cross attention joins two or more branches", "leave `fusion` out"],
        ),
        ("inputs: [pre], ", "inputs: [art], ", ["recipe.yaml:17:", "no modality 'art'"]),
        ("use: tabular", "use: tabluar", ["recipe.yaml:6:", "no transform 'tabluar'; did you mean 'tabular'?"]),
        ("name: tests/patients", "name: ../../elsewhere", ["recipe.yaml:1:7: name: "]),
    ],
)
def test_recipes(cohort, refused, old, new, parts):
    cohort.change(old, new)
    refused(*parts)


def test_a_loss_for_a_network_that_is_not_there(cohort, refused):
    text = cohort.recipe.read_text()
    cohort.change(text[text.index("teacher:") : text.index("student:")], "teacher: null\n")
    refused("recipe.yaml:19:", "`focal` needs a teacher, but the recipe has none")


def test_all_problems_are_reported_at_once(cohort, refused):
    cohort.change("use: class_kl", "use: clas_kl")
    cohort.change("width: 0.03125", "width: wide")
    said = refused("clas_kl", "got 'wide'", "--set data.size=3", arguments=["--set", "data.size=3"])
    assert len(said.strip().splitlines()) == 3


def spoil_missing(cohort):
    (cohort.folder / "s03-pre.nii.gz").unlink()


def spoil_truncated(cohort):
    path = cohort.folder / "s03-pre.nii.gz"
    path.write_bytes(path.read_bytes()[:3000])


def spoil_corrupt(cohort):
    (cohort.folder / "s03-pre.nii.gz").write_bytes(b"this is no volume")


def spoil_shape(cohort):
    cohort.write_volume("s03-pre.nii.gz", shape=(16, 16, 9))


def spoil_dimensions(cohort):
    cohort.write_volume("s03-pre.nii.gz", shape=(16, 16))


def spoil_voxel(cohort):
    values = np.ones((16, 16, 8), np.float32)
    values[3, 4, 5] = np.nan
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), cohort.folder / "s03-pre.nii.gz")


@pytest.mark.parametrize(
    ("spoil", "parts"),
    [
        (spoil_missing, ["cohort.csv, line 5: 's03-pre.nii.gz' in the column 'pre' does not exist"]),
        (spoil_truncated, ["subject 's03', modality 'pre'", "s03-pre.nii.gz: is damaged"]),
        (spoil_corrupt, ["subject 's03', modality 'pre'", "s03-pre.nii.gz: is damaged or not a .nii.gz file"]),
        (spoil_shape, ["s03-pre.nii.gz", "[9, 16, 16]", "'s00'", "[8, 16, 16]", "set `preprocess.size`"]),
        (spoil_dimensions, ["subject 's03'", "[1, 16, 16]", "'s00'", "set `preprocess.size`"]),
        (spoil_voxel, ["subject 's03'", "1 of 2048 voxels are NaN or infinite", "nonfinite: fill"]),
    ],
)
def test_volumes(cohort, refused, spoil, parts):
    spoil(cohort)
    refused(*parts)


def test_a_spacing_that_nobody_knows_is_not_invented(cohort, refused):
    image = nibabel.Nifti1Image(np.ones((16, 16, 8), np.float32), None)
    nibabel.save(image, cohort.folder / "s00-hbp.nii.gz")
    cohort.change("path: cohort.csv", "path: cohort.csv\n  preprocess: {spacing: [3, 1, 1]}")
    refused("subject 's00'", "needs a known voxel spacing", "none is invented", "write the true transform")


def spoil_label(cohort):
    cohort.change("path: cohort.csv", "path: cohort.csv\n  classes: [ill, well]")
    cohort.change_row(2, "ill", "il")


@pytest.mark.parametrize(
    ("spoil", "parts"),
    [
        (spoil_label, ["cohort.csv: unknown label 'il'; did you mean 'ill'? (line 4)"]),
        (lambda cohort: cohort.change_row(2, "s02,", "s01,"), ["line 4: the subject 's01' is also on line 3"]),
        (lambda cohort: cohort.write_table([]), ["cohort.csv: the cohort is empty"]),
        (lambda cohort: cohort.table.write_text(""), ["cohort.csv: the file is empty"]),
        (lambda cohort: cohort.table.unlink(), ["cohort.csv: cannot be read: no such file; set `data.path`"]),
    ],
)
def test_tables(cohort, refused, spoil, parts):
    spoil(cohort)
    refused(*parts)


def test_a_class_with_fewer_subjects_than_folds(cohort, refused):
    cohort.write_table([row.replace("ill", "well") if index > 2 else row for index, row in enumerate(cohort.rows())])
    refused("class 'ill' has 2 patients", "each of the 3 folds needs at least one", "set `crossval.folds` to 2", kept=1)


@pytest.mark.parametrize(
    ("content", "part"),
    [(b"name: [", "recipe.yaml:1:8: invalid YAML"), (b"\xff\xfe", "recipe.yaml:1:1: the file is not UTF-8")],
)
def test_a_recipe_that_cannot_be_read(cohort, refused, content, part):
    cohort.recipe.write_bytes(content)
    refused(part)


def test_a_recipe_that_is_not_there(cohort, refused):
    cohort.recipe.unlink()
    refused("recipe.yaml: no such file")


def test_a_cohort_of_another_format_version(cohort, xdistill):
    import h5py

    assert xdistill("data", "build", "recipe.yaml").code == 0
    (path,) = (cohort.folder / "cache").glob("*.h5")
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 99
    for command in ("verify", "inspect"):
        ended = xdistill("data", command, path)
        assert ended.code == 2
        assert f"{path}: the cohort has format version 99" in ended.err
        assert "Build it again with `xdistill data build`" in ended.err
        assert "Traceback" not in ended.err
    assert xdistill("data", "build", "recipe.yaml").code == 0
    assert xdistill("data", "verify", path).code == 0, "a cohort that cannot be used is built anew"


def test_markup_in_a_recipe_is_text(cohort, refused):
    cohort.change("name: tests/patients", 'name: "[red]x[/red]"\n"[losses]": 3')
    cohort.change("use: class_kl", 'use: "[bold]kl[/bold]"')
    refused("'[red]x[/red]' is not allowed", "recipe.yaml:2:1: [losses]: unknown field `[losses]`")
    cohort.change('name: "[red]x[/red]"\n"[losses]": 3', "name: tests/patients")
    refused("unknown loss `[bold]kl[/bold]`")


def test_markup_in_a_table_is_text(cohort, refused):
    cohort.write_table([row.replace("s02,", "[/red]s02,") for row in cohort.rows()])
    cohort.change_row(3, "s03,", "[/red]s02,")
    refused("the subject '[/red]s02' is also on line 4")
