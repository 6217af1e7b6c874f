"""``xdistill init``: a first recipe, which passes its check and runs."""

import csv
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from tiny import trained
from xdistill.cli.app import app
from xdistill.cli.init.folder import table_of_classes
from xdistill.cli.init.text import modality
from xdistill.errors import UserError
from xdistill.recipe.load import load_recipe

FIRST = {"stages.student.epochs": 1}
SMALL = {
    **FIRST,
    "stages.teacher.epochs": 1,
    "data.preprocess.size": [8, 12, 12],
    **{f"{role}.branches.T1_post.width": 0.03125 for role in ("teacher", "student")},
    **{f"{role}.branches.T1_post.features": 8 for role in ("teacher", "student")},
}


def write(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def patients(count=20):
    generator = np.random.default_rng(0)
    return [
        {
            "Case ID": f"c{row:02}",
            "Diagnosis": ("benign", "malignant")[row % 2],
            "age": 40 + row,
            "sex": "fm"[row // 2 % 2],
            "gene": round(float(generator.normal() + row % 2), 3),
            "Hospital": ("Bern", "Basel")[row // 2 % 2],
            "Comment": f"remark {row}",
        }
        for row in range(count)
    ]


def invoke(*arguments, answers=None):
    """The result of the command; errors of the program are raised."""
    result = CliRunner().invoke(app, ["init", *map(str, arguments)], input=answers)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_a_table_with_clinical_columns(tmp_path):
    table = write(tmp_path / "patients.csv", patients())
    result = invoke(table, "--yes", "--privileged", "gene", "--json")
    found = json.loads(result.stdout)
    assert found["columns"] == {
        "Case ID": "subject",
        "Diagnosis": "label",
        "age": "clinical",
        "sex": "clinical",
        "gene": "privileged",
        "Hospital": "site, not an input",
        "Comment": "not used: names that differ from row to row",
    }
    assert found["check"]["privileged"] == "privileged: the student never sees it"
    recipe = tmp_path / "patients.yaml"
    assert recipe.read_text(encoding="utf-8").startswith("# Written by `xdistill init` from patients.csv.")
    loaded = load_recipe(recipe, overrides={**FIRST, "stages.teacher.epochs": 1, "executor.jobs": 1})
    assert loaded.recipe.data.settings()["keep"] == ["Hospital"]
    run = trained(loaded, runs=tmp_path / "runs", cache=tmp_path / "cache")
    assert run.record["networks"]["student"]["inputs"] == ["clinical"]
    assert run.record["networks"]["teacher"]["inputs"] == ["clinical", "privileged"]


def test_a_table_with_volumes(tmp_path):
    rows = patients(12)
    for row in rows:
        row["T1 post"] = f"{row['Case ID']}.npy"
        volume = np.random.default_rng(len(row["Comment"])).normal(size=(8, 12, 12)).astype(np.float32)
        np.save(tmp_path / row["T1 post"], volume)
    invoke(write(tmp_path / "scans.csv", rows), "--yes", "--to", tmp_path / "mine.yaml")
    loaded = load_recipe(tmp_path / "mine.yaml", overrides={**SMALL, "executor.jobs": 1, "crossval.folds": 2})
    run = trained(loaded, runs=tmp_path / "runs", cache=tmp_path / "cache")
    assert run.record["networks"]["student"]["inputs"] == ["T1_post"]
    assert run.record["privileged"] == ["clinical"]


def test_a_recipe_is_not_overwritten(tmp_path):
    table = write(tmp_path / "patients.csv", patients())
    (tmp_path / "patients.yaml").write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match="exists already; pass --force"):
        invoke(table, "--yes")
    assert (tmp_path / "patients.yaml").read_text(encoding="utf-8") == "mine"
    invoke(table, "--yes", "--force")
    assert load_recipe(tmp_path / "patients.yaml").recipe.teacher is None


def test_questions_have_what_was_found_as_their_default(tmp_path):
    rows = [{**row, "outcome": "ab"[place // 2 % 2]} for place, row in enumerate(patients())]
    table = write(tmp_path / "patients.csv", rows)
    # label: another column, then: ids, patients, split, site as found, and two wrong answers about privileged ones
    invoke(table, answers="outcome\n\n\n\n\nnobody\nage, sex, gene, Diagnosis\ngene, age\n")
    data = load_recipe(tmp_path / "patients.yaml").recipe.data.settings()
    assert data["columns"] == {"subject": "Case ID", "label": "outcome"}
    assert data["tables"] == {
        "clinical": {"columns": ["Diagnosis", "sex"]},
        "privileged": {"columns": ["age", "gene"]},
    }
    with pytest.raises(UserError, match="there is no user to ask; pass --yes"):
        invoke(table, "--force", answers="")


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([{"id": "a", "x": "1"}, {"id": "b", "x": "2"}], (), "no column has the name of a label; pass it with --label"),
        ([{"id": "a", "label": "1"}, {"id": "b", "label": "2"}], (), "there is nothing to learn from"),
        ([{"id": "a", "label": "", "x": 1}, {"id": "b", "label": "", "x": 2}], (), "'label' is empty in all rows"),
        (patients(), ("--label", "diagnosis"), r"there is no column 'diagnosis' \(--label\); did you mean `Diagnosis`"),
        (patients(), ("--label", "Comment"), "the label 'Comment' has 20 different values"),
        (patients(), ("--privileged", "Comment"), "--privileged 'Comment': it has another role, or names that differ"),
        (patients(), ("--to", "nowhere/a.yaml"), "name a file in a folder that exists"),
    ],
)
def test_a_table_that_cannot_be_set_up(tmp_path, rows, options, message):
    table = write(tmp_path / "table.csv", rows)
    with pytest.raises(UserError, match=message):
        invoke(table, "--yes", *options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["table.csv"]


def test_a_number_to_predict_with_gaps_everywhere(tmp_path):
    rows = [
        {
            "Pat.-Nr.": f"{row:03}",
            "y": row / 2,
            "split": ("train", "test")[row % 2],
            "a": row % 7,
            "afp": row,
            "b": row / 2,
        }
        for row in range(40)
    ]
    rows[3]["y"] = rows[4]["split"] = rows[5]["afp"] = ""
    result = invoke(write(tmp_path / "t.csv", rows), "--yes", "--privileged", "afp", "--json")
    assert json.loads(result.stdout)["columns"]["Pat.-Nr."] == "subject"
    recipe = load_recipe(tmp_path / "t.yaml").recipe
    data = recipe.data.settings()
    assert (data["without_label"], data["require"], recipe.missing.use) == ("leave_out", ["split"], "skip")
    assert recipe.task.use == "regression"


def test_pictures_and_a_copy_of_the_label(tmp_path):
    image = pytest.importorskip("PIL.Image")
    rows = [{"id": f"s{n}", "label": "ab"[n % 2], "photo": f"{n}.png", "final": "AB"[n % 2]} for n in range(12)]
    for number, row in enumerate(rows):
        image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / row["photo"])
    columns = json.loads(invoke(write(tmp_path / "t.csv", rows), "--yes", "--json").stdout)["columns"]
    assert columns == {"id": "subject", "label": "label", "photo": "image", "final": "not used: it equals the label"}
    assert load_recipe(tmp_path / "t.yaml").recipe.data.settings()["volumes"]["photo"]["preprocess"]["size"] == [64, 64]


def test_a_folder_with_a_folder_per_class(tmp_path):
    for name, files in {"ill": ["a.nii.gz", "b.npy", "notes.txt"], "well": ["a.npy"], "empty": []}.items():
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).touch()
    assert table_of_classes(tmp_path).splitlines() == [
        "subject,label,image",
        "ill-a,ill,ill/a.nii.gz",
        "ill-b,ill,ill/b.npy",
        "well-a,well,well/a.npy",
    ]
    (tmp_path / "well" / "a.npy").unlink()
    with pytest.raises(UserError, match=r"no table .* and no two folders with images"):
        invoke(tmp_path, "--yes")
    for name in ("one.csv", "two.csv"):
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=r"there are 2 tables \(one.csv, two.csv\); name the one"):
        invoke(tmp_path, "--yes")


@pytest.mark.parametrize(("column", "name"), [("T1 post", "T1_post"), ("ed", "ed"), ("(a)", "a"), ("阴", "image")])
def test_names_of_modalities(column, name):
    assert modality(column) == name
