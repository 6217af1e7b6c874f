"""What messages and records do not show: files that are no recipe, values of environment variables, folders."""

from pathlib import Path

import pytest

from tiny import tiny
from xdistill.bench.load import load_benchmark
from xdistill.errors import RecipeError
from xdistill.recipe.load import load_recipe
from xdistill.recipe.private import without_places


@pytest.mark.parametrize("read", [load_recipe, load_benchmark])
@pytest.mark.parametrize(
    "text",
    ["root:$6$s3cret:19000::\nbin: s3cret\n", "s3cret\n", '{"s3cret": "s3cret"}', "s3cret,s3cret\n1,2\n", "- s3cret\n"],
)
def test_a_file_that_is_something_else_is_not_quoted(tmp_path, read, text):
    (tmp_path / "shadow").write_text(text)
    with pytest.raises(RecipeError) as refused:
        read(tmp_path / "shadow")
    assert "s3cret" not in str(refused.value)


def test_values_of_the_environment_are_not_quoted(monkeypatch):
    monkeypatch.setenv("TOKEN", "hunter2")
    data = {"use": "hcc_phantom", "subjects": "${TOKEN}", "shape": "at ${TOKEN}"}
    with pytest.raises(RecipeError) as refused:
        load_recipe(tiny(data=data, seed="x"))
    assert "hunter2" not in str(refused.value)
    monkeypatch.setenv("TOKEN", "")
    with pytest.raises(RecipeError, match="`TOKEN` is not set"):
        load_recipe(tiny(data=data))


def test_a_name_of_thousands_of_characters_is_cut():
    for value in ("a" * 5000, "a" * 5000 + ".yaml", "a\0b.yaml"):
        with pytest.raises(RecipeError, match=r"extends: (unknown bundled|no file)") as refused:
            load_recipe({"extends": value})
        assert len(str(refused.value)) < 3000
    with pytest.raises(RecipeError):
        load_recipe("a" * 5000)


def test_a_record_shows_no_folders_of_this_machine():
    recipe = {
        "name": "x",
        "description": "/as it was written",
        "data": {
            "path": "/home/ann/cohort/files/a.csv",
            "image_dir": "/mnt/scans",
            "title": "A",
            "other_path": "b.csv",
        },
    }
    shown = without_places(recipe, Path("/home/ann/cohort"))
    assert shown["data"] == {"path": "files/a.csv", "image_dir": "scans", "title": "A", "other_path": "b.csv"}
    assert shown["description"] == recipe["description"]
    assert without_places(recipe, None)["data"]["path"] == "a.csv"
