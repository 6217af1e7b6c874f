"""``xdistill export``: what it prints, and what bad input gets."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from cli.conftest import xdistill
from xdistill.deployment.export.formats import onnx_runner
from xdistill.models import load_model
from xdistill.models.save import save_model
from xdistill.runs.checksums import CHECKSUMS, digest

__all__ = ["xdistill"]


@pytest.fixture
def folder(student, tmp_path):
    return save_model(student("logistic regression", temperature=1.5), tmp_path / "model")


@pytest.fixture
def table(tmp_path):
    rows = ["subject,AFP,age,sex,cirrhosis", "a,400,61,F,0", "b,,55,M,1", "c,12.5,70,,0"]
    (tmp_path / "new.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "new.csv"


def refused(ended, *parts):
    assert ended.code == 2, ended.err
    assert ended.err.count("error: ") == 1
    assert "Traceback" not in ended.err
    for part in parts:
        assert part in " ".join(ended.err.split())


def test_the_command_says_what_it_wrote(xdistill, folder, table, tmp_path):
    target = tmp_path / "out.onnx"
    ended = xdistill("export", folder, "--to", target, "--check", table)
    assert ended.code == 0, ended.err
    assert ended.out == f"{target}\n"
    told = " ".join(ended.err.split())
    assert "ONNX, float32, 1 network" in told
    assert "input clinical: (batch, 4) float64" in told
    assert "output probabilities: (batch, 3) float32: p_M0, p_M1, p_M2" in told
    assert "largest difference to PyTorch on random inputs" in told
    assert "(3 subjects, same class for 100.0%)" in told
    expected = [row.probabilities for row in load_model(folder).predict_table(table)]
    values = np.array([[400, 61, 0, 0], [np.nan, 55, 1, 1], [12.5, 70, np.nan, 0]])
    np.testing.assert_allclose(onnx_runner(target)({"clinical": values}), expected, atol=1e-6)


def test_json_is_one_document(xdistill, folder, tmp_path):
    ended = xdistill("export", folder, "--format", "pt2", "--to", tmp_path / "student.bin", "--json")
    document = json.loads(ended.out)
    assert document["format"] == "pt2"
    assert document["bytes"] == (tmp_path / "student.bin").stat().st_size
    assert document["comparisons"][0]["largest_difference"] < 1e-4


def test_an_unknown_format(xdistill, folder, tmp_path):
    ended = xdistill("export", folder, "--format", "tflite", "--to", tmp_path / "a.tflite")
    refused(ended, "unknown format `tflite`. Valid formats: `onnx`, `pt2`")


def test_int8_is_onnx_alone(xdistill, folder, tmp_path):
    refused(xdistill("export", folder, "--int8", "--to", tmp_path / "a.pt2"), "--int8")


def test_a_model_with_a_changed_byte(xdistill, folder, tmp_path):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    refused(xdistill("export", folder, "--to", tmp_path / "a.onnx"), "model.safetensors", "SHA-256 differs")
    assert not (tmp_path / "a.onnx").exists()


def test_subjects_that_cannot_be_read_leave_no_file(xdistill, folder, table, tmp_path):
    table.write_text("subject,AFP,age,sex,cirrhosis\na,many,61,F,0\n")
    refused(xdistill("export", folder, "--to", tmp_path / "a.onnx", "--check", table), "'many' in the column `AFP`")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "new.csv"]


def test_a_missing_library_is_one_message(xdistill, folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    refused(
        xdistill("export", folder, "--to", tmp_path / "a.onnx"), "needs onnxscript", "pip install 'xdistill[export]'"
    )


@pytest.mark.parametrize("name", ["os:system", "builtins.eval", "../payload.py", "payload"])
def test_a_folder_cannot_name_code(xdistill, folder, tmp_path, name):
    (folder / "payload.py").write_text("open('ran', 'w')\n")
    config = json.loads((folder / "config.json").read_text())
    config["student"]["use"] = name
    (folder / "config.json").write_text(json.dumps(config))
    sums = {file: digest(folder / file) for file in ("config.json", "model.safetensors", "calibration.json")}
    (folder / CHECKSUMS).write_text(json.dumps({"sha256": sums}))
    refused(xdistill("export", folder, "--to", tmp_path / "a.onnx"), "student")


AUDITED = """
import sys
folder, target = sys.argv[1:]
found = []
def hook(event, args):
    if event == "pickle.find_class" or (event in {"exec", "compile", "import"} and folder in str(args)):
        found.append((event, str(args)[:200]))
from pathlib import Path
from xdistill.deployment.export import export_model
from xdistill.models import load_model
import onnx, onnxscript, onnxruntime
sys.addaudithook(hook)
export_model(load_model(folder), Path(target))
print(found)
"""


def test_export_runs_nothing_from_the_folder(folder, tmp_path):
    for name in ("onnx.py", "torch.py", "sitecustomize.py", "model.pt", "model.pkl"):
        (folder / name).write_text("raise SystemExit('this ran')\n")
    command = [sys.executable, "-P", "-c", AUDITED, folder, tmp_path / "student.onnx"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
