"""`xdistill diagnose`: what it prints and writes."""

import json

import pytest

from diagnosis.recipes import vectors
from xdistill.recipe.yaml.writer import write_yaml


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDISTILL_CACHE", str(tmp_path / "cache"))
    (tmp_path / "recipe.yaml").write_text(write_yaml(vectors()), encoding="utf-8")
    return tmp_path


def test_table_page_and_json(xdistill, folder):
    first = xdistill("diagnose", "recipe.yaml", "--quick", "--to", "page")
    assert (first.code, first.err.count("finished in")) == (0, 6)  # three runs of two folds
    assert "teacher, out of fold" in first.out
    assert "smallest gain shown, 1x2" in first.out
    again = xdistill("diagnose", "recipe.yaml", "--quick", "--json", "--quiet")
    found = json.loads(again.out)
    assert f"{found['verdict']}: {found['advice'][0]}"[:60] in first.out
    assert found["figures"]["folds"] == 2
    assert found == json.loads((folder / "page" / "diagnosis.json").read_text())
    assert found["recipe"] in (folder / "page" / "diagnosis.html").read_text()


def test_a_recipe_without_a_teacher(xdistill, folder):
    (folder / "alone.yaml").write_text(
        write_yaml(
            vectors(
                teacher=None,
                privileged=None,
                stages=[{**vectors()["stages"][1], "objective": [{"use": "cross_entropy"}]}],
            )
        ),
        encoding="utf-8",
    )
    ended = xdistill("diagnose", "alone.yaml")
    assert ended.code == 2
    assert "the recipe has no teacher" in ended.err
    assert not (folder / "runs").exists()
