"""The Python of the documentation runs: the marked blocks, page by page, and the notebook."""

from __future__ import annotations

import os
import subprocess
import sys

import nbformat
import pytest

from docs.pages import DOCS, blocks

RUNNABLE = sorted({block.page for block in blocks("python") if block.runnable})
PRINTED = {
    "docs/python-api.md": ("student: 0.", "r0-f1 joint 1", "optimizer.lrr unknown field `lrr`"),
    "docs/predict.md": ("('hbp', 'pre') ('M0', 'M1', 'M2') (2, 3)",),
    "docs/registry.md": ("cross_attention", "fusion concat xdistill"),
}
WRITTEN = {"docs/python-api.md": ("roc.png",)}


def test_some_blocks_are_marked():
    assert "docs/python-api.md" in RUNNABLE


@pytest.mark.parametrize("page", RUNNABLE)
def test_marked_blocks_run(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks("python", page):
        if block.runnable:
            exec(compile(block.text, page, "exec"), names)  # noqa: S102 - the page's own example
    printed = capsys.readouterr().out
    assert [text for text in PRINTED[page] if text not in printed] == []
    assert [name for name in WRITTEN.get(page, ()) if not (tmp_path / name).is_file()] == []


EXECUTE = """
import sys, nbformat
from nbclient import NotebookClient
source, target = sys.argv[1:]
notebook = nbformat.read(source, as_version=4)
NotebookClient(notebook, timeout=800, startup_timeout=400, kernel_name="python3").execute()
nbformat.write(notebook, target)
"""


def executed(name, folder):
    """The outputs of a notebook's cells."""
    source, target = DOCS / "notebooks" / name, folder / "executed.ipynb"
    assert not any(cell.get("outputs") for cell in nbformat.read(source, as_version=4).cells)
    # In a process of its own, which takes the kernel's sockets with it when it ends.
    environment = {**os.environ, "XDISTILL_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", EXECUTE, source, target]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)
    assert done.returncode == 0, done.stderr
    notebook = nbformat.read(target, as_version=4)
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


@pytest.mark.slow
def test_the_notebook_runs(tmp_path):
    outputs = executed("quickstart.ipynb", tmp_path)
    table = next(output["text"] for output in outputs if output["output_type"] == "stream")
    assert "student" in table
    assert "teacher" in table
    assert table.count("best possible AUC") == 2
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 3
    assert list((tmp_path / "runs").glob("mvi_hcc/cmdnet/*/report.html"))


def test_the_notebook_of_the_estimator_runs_and_leaves_no_files(tmp_path, monkeypatch, capsys):
    """In this process; the kernel that the other one takes starts for seconds and shows nothing more."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDISTILL_CACHE", str(tmp_path / "cache"))
    names: dict[str, object] = {}
    for cell in nbformat.read(DOCS / "notebooks" / "estimator.ipynb", as_version=4).cells:
        if cell.cell_type == "code":
            assert not cell.outputs
            exec(compile(cell.source, "estimator.ipynb", "exec"), names)  # noqa: S102 - the notebook's own code
    text = capsys.readouterr().out
    assert "predicted without the whole digits: (150, 10)" in text
    assert "identical with NaN: True" in text
    assert text.count("[0.") == 2
    assert list(tmp_path.iterdir()) == []


def test_the_notebook_of_any_module_runs(tmp_path):
    outputs = executed("distill.ipynb", tmp_path)
    text = "".join(output["text"] for output in outputs if output["output_type"] == "stream")
    assert "accuracy with the upper half alone: 0." in text
    assert "'hint'" in text
    assert [path.name for path in tmp_path.iterdir()] == ["executed.ipynb"]
