"""The index of plugins: believed while nothing changed, made anew otherwise, and never in the way."""

import json
import os
import subprocess
import sys

import pytest

from xdistill.plugin import index, load_catalog
from xdistill.plugin.catalog import plugin_entry_points
from xdistill.plugin.index import listings, of_catalog

SOURCE = """
from xdistill.interfaces import Metric
from xdistill.plugin import hookimpl

class Share(Metric):
    '''Share of the first class.'''
    name = "share"
    def __call__(self, target, probabilities, classes):
        return float((target == 0).mean())

@hookimpl
def xdistill_metrics():
    return [Share]
"""

LOOK = """
import json, sys
from pathlib import Path
from xdistill.plugin.catalog import plugin_entry_points
from xdistill.plugin.index import listings
found = listings(Path(sys.argv[1]))
print(json.dumps({"torch": "torch" in sys.modules, "found": [[row.kind, row.name, row.summary, row.distribution,
    row.version, row.plugin] for row in found]}))
"""


@pytest.fixture
def package(tmp_path):
    """A small third-party plugin, as it lies on disk once installed; tests look at it from other processes."""
    site = tmp_path / "site"
    (site / "index_plugin").mkdir(parents=True)
    (site / "index_plugin" / "__init__.py").write_text("from index_plugin.metrics import *\n")
    (site / "index_plugin" / "metrics.py").write_text(SOURCE)
    info = site / "index_plugin-0.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: index-plugin\nVersion: 0.3\n")
    (info / "entry_points.txt").write_text("[xdistill]\nindexed = index_plugin\n")
    return site


def look(folder, package):
    done = subprocess.run(
        [sys.executable, "-c", LOOK, folder],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(package)},
    )
    return json.loads(done.stdout)


def names(looked):
    return [row[1] for row in looked["found"]]


def test_the_second_listing_imports_no_torch_and_a_changed_source_is_noticed(tmp_path, package):
    first, second = look(tmp_path / "cache", package), look(tmp_path / "cache", package)
    assert first["torch"]
    assert not second["torch"]
    assert first["found"] == second["found"]
    assert ["metric", "share", "Share of the first class.", "index-plugin", "0.3", "indexed"] in second["found"]

    metrics = package / "index_plugin" / "metrics.py"
    metrics.write_text(SOURCE.replace('"share"', '"sharp"'))
    stamp = metrics.stat().st_mtime + 5  # the file is as long as it was
    os.utime(metrics, (stamp, stamp))
    looked = look(tmp_path / "cache", package)
    assert looked["torch"]
    assert "sharp" in names(looked)
    assert "share" not in names(looked)
    assert len(list((tmp_path / "cache").glob("plugins-*"))) == 1, "the old index is gone"


@pytest.mark.parametrize("change", ["nothing", "source", "version", "new file", "uninstalled"])
def test_what_makes_an_index_stale(package, monkeypatch, change):
    monkeypatch.syspath_prepend(package)
    before = index._state(plugin_entry_points())
    metrics = package / "index_plugin" / "metrics.py"
    info = package / "index_plugin-0.3.dist-info"
    if change == "source":
        metrics.write_text(SOURCE + "\n")
    elif change == "version":
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: index-plugin\nVersion: 0.4\n")
    elif change == "new file":
        (package / "index_plugin" / "more.py").write_text("")
    elif change == "uninstalled":
        (info / "entry_points.txt").unlink()
    assert (index._state(plugin_entry_points()) == before) == (change == "nothing")


@pytest.mark.parametrize("content", [b"", b"{", b"3", b"[3]", b'[{"kind": "metric"}]', b'{"a": 1}', b"\xff\xfe"])
def test_an_index_that_cannot_be_read_is_made_anew(tmp_path, content):
    found = listings(tmp_path)
    (path,) = tmp_path.iterdir()
    good = path.read_bytes()
    path.write_bytes(content)
    assert listings(tmp_path) == found == of_catalog(load_catalog())
    assert path.read_bytes() == good


def test_the_index_is_believed(tmp_path):
    listings(tmp_path)
    (path,) = tmp_path.iterdir()
    rows = json.loads(path.read_text())
    path.write_text(json.dumps(rows[:1]))
    assert [row.name for row in listings(tmp_path)] == [rows[0]["name"]]


@pytest.mark.parametrize("place", ["", "below"])
def test_a_folder_that_cannot_be_written_does_no_harm(tmp_path, place):
    (tmp_path / "file").write_text("in the way")
    assert listings(tmp_path / "file" / place)
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_full_disk_does_no_harm(tmp_path):
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
    done = subprocess.run(
        [sys.executable, "-c", limited + LOOK, tmp_path / "cache"], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["found"]
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_plugin_that_is_left_out_is_not_listed(tmp_path, monkeypatch):
    assert "hcc_phantom" in [row.name for row in listings(tmp_path)]
    assert "hcc_phantom" not in [row.name for row in listings(tmp_path, disabled=["mri"])]
    assert "hcc_phantom" in [row.name for row in listings(tmp_path)]
    monkeypatch.setenv("XDISTILL_DISABLE_PLUGINS", "mri")
    assert "hcc_phantom" not in [row.name for row in listings(tmp_path)]


def test_links_of_editors_are_no_sources(package, monkeypatch):
    (package / "index_plugin" / ".#metrics.py").symlink_to("somebody@a-machine.4711:1700000000")
    monkeypatch.syspath_prepend(package)
    assert [file.rpartition("/")[2] for file, _, _ in index._files("index_plugin")] == ["__init__.py", "metrics.py"]


def test_modules_of_one_file_and_strange_ones(tmp_path, monkeypatch):
    (tmp_path / "single_file_plugin.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    assert [file for file, _, _ in index._files("single_file_plugin")] == [str(tmp_path / "single_file_plugin.py")]
    assert index._files("none_such.inside") == []
    assert index._files("sys") == []
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)  # as of a script; `python -m pytest` has one
    assert index._files("__main__.x") == []
