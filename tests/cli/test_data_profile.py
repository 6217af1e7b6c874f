"""`xdistill data profile`."""

import json

TABLE = """id;label;AFP;<b>[red]grade[/red]</b>
1;a;<0,5;I
2;b;0,7;II
3;a;1,5;I
4;b;2,5;II
"""


def test_a_table_is_shown_as_text_json_and_page(xdistill, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    file = tmp_path / "t.csv"
    file.write_text(TABLE, encoding="utf-8")
    page = tmp_path / "page.html"
    shown = xdistill("data", "profile", file, "--label", "label", "--html", page)
    assert shown.code == 0
    for part in ("t.csv: 4 rows, 4 columns", "delimiter ';'", "classes: a 2, b 2", "<b>[red]grade[/red]</b>"):
        assert part in shown.out
    html = page.read_text(encoding="utf-8")
    assert "&lt;b&gt;[red]grade[/red]&lt;/b&gt;" in html
    assert "<b>[red]" not in html
    assert "<script" not in html
    assert html.count("<rect") >= 4
    found = json.loads(xdistill("data", "profile", file, "--json").out)
    assert [column["type"] for column in found["columns"]] == ["number", "category", "number", "category"]
    assert found["columns"][2]["notes"] == ["decimal commas", "1 below a limit (<)"]


def test_a_recipe_is_profiled_with_its_cohort(xdistill, tmp_path):
    small = ("--set", "data.subjects=30", "--set", "data.shape=[8,16,16]", "--cache", tmp_path)
    shown = xdistill("data", "profile", "mvi_hcc", *small, "--json")
    assert shown.code == 0
    found = json.loads(shown.out)
    assert found["present"] == {"hbp": 30, "pre": 30, "clinical": 30}
    assert len(found["columns"]) == 52
    assert found["warnings"] == []


def test_bad_input_ends_with_two(xdistill, tmp_path):
    file = tmp_path / "t.csv"
    file.write_text(TABLE, encoding="utf-8")
    wrong = xdistill("data", "profile", file, "--label", "labels")
    assert (wrong.code, "there is no column 'labels' (--label)" in wrong.err) == (2, True)
    assert xdistill("data", "profile", tmp_path / "none.csv").code == 2
    assert xdistill("data", "profile", file, "--html", tmp_path / "no" / "page.html").code == 2
