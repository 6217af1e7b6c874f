"""The script of docs/deploy.md predicts what xdistill predicts, where neither xdistill nor torch is installed."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import distribution

import onnx
import pytest
from packaging.requirements import Requirement

from docs.pages import blocks
from tiny import loaded
from xdistill.data import build_cohort, open_cohort
from xdistill.data.export import export_cohort
from xdistill.deployment.export import export_model
from xdistill.deployment.fit import fit
from xdistill.experiment.assemble import choose_dataset
from xdistill.models import load_model

NEEDED = ("onnxruntime", "nibabel", "numpy")
START = """
import runpy, sys
sys.path.append(sys.argv[1])
del sys.argv[:2]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def with_requirements(names):
    """The distributions and all that they need."""
    found, waiting = {}, list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = distribution(name)
            needed = map(Requirement, found[name].requires or ())
            waiting += [one.name for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
    return found


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory):
    """A command that starts Python with these packages, linked one by one, and no others."""
    folder = tmp_path_factory.mktemp("packages")
    for one in with_requirements(NEEDED).values():
        for top in {file.parts[0] for file in one.files or () if file.parts[0] not in {"..", "__pycache__"}}:
            target = folder / top
            if not target.exists():
                target.symlink_to(one.locate_file(top))
    return [sys.executable, "-I", "-S", "-c", START, str(folder)]


@pytest.fixture(scope="module")
def phantom(tmp_path_factory, catalog, shared_cache):
    """A trained model, and new subjects as files."""
    folder = tmp_path_factory.mktemp("phantom")
    recipe = loaded()
    list(fit(recipe, catalog, to=folder / "model", runs=folder / "runs", cache=shared_cache))
    new = loaded(data={"use": "hcc_phantom", "subjects": 6, "shape": [8, 16, 16], "seed": 7})
    cohort = build_cohort(choose_dataset(new, catalog), new.recipe.cache, directory=shared_cache)
    table = export_cohort(open_cohort(cohort), folder / "new", modalities=["hbp", "pre"], labels=False)
    return load_model(folder / "model"), table


def run(command, *words):
    return subprocess.run([*command, *map(str, words)], capture_output=True, text=True, check=False)


def test_the_script_needs_neither_xdistill_nor_torch(phantom, bare_python, tmp_path):
    model, table = phantom
    for library in ("torch", "xdistill", "onnx", "scipy"):
        (tmp_path / "missing.py").write_text(f"import {library}")
        assert f"No module named '{library}'" in run(bare_python, tmp_path / "missing.py").stderr
    (block,) = (block for block in blocks("python", "docs/deploy.md") if block.file == "predict_onnx.py")
    (tmp_path / block.file).write_text(block.text)
    written = export_model(model, tmp_path / "student.onnx", check_on=table)
    assert [comparison.subjects for comparison in written.comparisons] == [10, 6]
    for row in model.predict_table(table)[:2]:
        files = [f"{phase}={table.parent / row.subject / phase}.nii.gz" for phase in ("hbp", "pre")]
        done = run(bare_python, tmp_path / block.file, written.path, *files)
        assert done.returncode == 0, done.stderr
        printed = dict(line.split(": ") for line in done.stdout.splitlines())
        assert list(printed) == list(model.classes)
        assert [float(value) for value in printed.values()] == pytest.approx(row.probabilities, abs=2e-4)


def test_the_script_refuses_preprocessing_that_it_lacks(phantom, bare_python, tmp_path):
    model, table = phantom
    (block,) = (block for block in blocks("python", "docs/deploy.md") if block.file == "predict_onnx.py")
    (tmp_path / block.file).write_text(block.text)
    written = onnx.load(export_model(model, tmp_path / "student.onnx").path)
    (about,) = (entry for entry in written.metadata_props if entry.key == "xdistill")
    document = json.loads(about.value)
    document["reader"]["settings"]["volumes"]["hbp"]["preprocess"]["spacing"] = [1.0, 1.0, 2.0]
    about.value = json.dumps(document)
    onnx.save(written, tmp_path / "other.onnx")
    subject = table.parent / "phantom-0001"
    done = run(
        bare_python, tmp_path / block.file, tmp_path / "other.onnx", f"hbp={subject / 'hbp.nii.gz'}", "pre=x.nii"
    )
    assert done.returncode == 1
    assert "hbp: this script lacks the step `spacing`: [1.0, 1.0, 2.0]" in done.stderr


def test_int8_is_close_on_subjects(phantom, tmp_path):
    model, table = phantom
    written = export_model(model, tmp_path / "int8.onnx", int8=True, check_on=table)
    assert written.precision == "int8"
    assert 1e-6 < written.comparisons[-1].largest < 0.02
    file = onnx.load(written.path)
    assert {weight.data_type for weight in file.graph.initializer} >= {onnx.TensorProto.FLOAT, onnx.TensorProto.INT8}
    assert "MatMulInteger" in {node.op_type for node in file.graph.node}
    about = {entry.key: entry.value for entry in file.metadata_props}
    assert json.loads(about["xdistill"])["precision"] == "int8"
