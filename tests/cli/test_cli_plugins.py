"""`xdistill plugins list`."""

import json

import pytest


@pytest.fixture(autouse=True)
def cache(monkeypatch, shared_cache):
    monkeypatch.setenv("XDISTILL_CACHE", str(shared_cache))


def test_programs_get_one_document(xdistill):
    ended = xdistill("plugins", "list", "--json")
    assert (ended.code, ended.err) == (0, "")
    rows = json.loads(ended.out)
    assert {"kind", "name", "summary", "distribution", "version", "plugin"} == set(rows[0])
    assert ["dataset", "hcc_phantom", "mri"] in [[row["kind"], row["name"], row["plugin"]] for row in rows]
    assert all(row["summary"] for row in rows), "every component says in a line what it is"


def test_a_line_a_component_where_there_is_no_terminal(xdistill):
    lines = xdistill("plugins", "list").out.splitlines()
    assert all(len(line.split("\t")) == 4 for line in lines)
    assert not any("\x1b" in line for line in lines)


def test_one_kind(xdistill):
    rows = json.loads(xdistill("plugins", "list", "--kind", "distillation_loss", "--json").out)
    assert {row["kind"] for row in rows} == {"distillation_loss"}
    assert "class_kl" in {row["name"] for row in rows}
    ended = xdistill("plugins", "list", "--kind", "los")
    assert ended.code == 2
    assert "there is no kind 'los'; valid names: `dataset`, " in ended.err


def test_plugins_that_are_left_out(xdistill):
    rows = json.loads(xdistill("plugins", "list", "--disable-plugin", "mri", "--json").out)
    assert "mri" not in {row["plugin"] for row in rows}
    assert "cmdnet" in {row["plugin"] for row in rows}


def test_a_plugin_that_is_broken_stops_the_command_with_its_name(xdistill, tmp_path, monkeypatch):
    (tmp_path / "broken_for_the_cli.py").write_text("import a_library_that_is_not_there\n")
    info = tmp_path / "xdistill_broken-0.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: xdistill-broken\nVersion: 0.3\n")
    (info / "entry_points.txt").write_text("[xdistill]\nbroken = broken_for_the_cli\n")
    monkeypatch.syspath_prepend(tmp_path)
    for command in (["plugins", "list"], ["recipe", "check", "mvi_hcc"]):
        ended = xdistill(*command)
        assert ended.code == 2
        assert "the plugin 'broken' of xdistill-broken 0.3 cannot be imported" in ended.err
        assert "Traceback" not in ended.err
    monkeypatch.setenv("XDISTILL_DISABLE_PLUGINS", "broken")
    assert xdistill("recipe", "check", "mvi_hcc", "--set", "data.subjects=60").code == 0


def test_a_kind_of_which_nothing_is_installed(xdistill):
    ended = xdistill("plugins", "list", "--kind", "metric")
    assert (ended.code, ended.out) == (0, "")
    new = "xdistill plugins new my-metric --kind metric"
    assert ended.err == f"no installed plugin offers a metric; to write one: {new}\n"
    assert xdistill("plugins", "list", "--kind", "metric", "--json").out.strip() == "[]"
