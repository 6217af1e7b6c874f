"""The script of docs/deploy.md predicts what xdistill predicts, where neither xdistill nor torch is installed."""

from __future__ import annotations

import csv
import json
import os
import runpy
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import nibabel
import numpy as np
import onnx
import pytest
import torch
from packaging.requirements import Requirement

from docs.pages import blocks
from tiny import loaded
from xdistill.data import build_cohort, open_cohort
from xdistill.data.export import export_cohort
from xdistill.deployment.export import export_model
from xdistill.deployment.fit import fit
from xdistill.experiment.assemble import choose_dataset
from xdistill.models import load_model
from xdistill.recipe.load import load_recipe
from xdistill_mri.preprocess.pipeline import prepare
from xdistill_mri.preprocess.settings import Preprocess
from xdistill_mri.preprocess.source import VolumeSource

DATA = Path(os.environ.get("XDISTILL_DATA", "")) / "acdc" / "manifest.csv"
RECIPE = Path(__file__).parents[2] / "recipes" / "acdc.yaml"
NEEDED = ("onnxruntime", "nibabel", "numpy", "scipy")
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


@pytest.fixture(scope="module")
def exported(phantom, tmp_path_factory):
    """The model as an ONNX file, compared on the new subjects too."""
    model, table = phantom
    return export_model(model, tmp_path_factory.mktemp("exported") / "student.onnx", check_on=table)


def run(command, *words):
    return subprocess.run([*command, *map(str, words)], capture_output=True, text=True, check=False)


@pytest.fixture
def script(tmp_path):
    """The script of the page, as a file."""
    (block,) = (block for block in blocks("python", "docs/deploy.md") if block.file == "predict_onnx.py")
    (tmp_path / block.file).write_text(block.text)
    return tmp_path / block.file


def predicted(done, classes):
    """What the script printed: probabilities, and the other lines."""
    assert done.returncode == 0, done.stderr
    printed = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    return [float(printed.pop(name)) for name in classes], printed


def test_the_script_needs_neither_xdistill_nor_torch(phantom, exported, bare_python, script, tmp_path):
    model, table = phantom
    for library in ("torch", "xdistill", "onnx", "monai"):
        (tmp_path / "missing.py").write_text(f"import {library}")
        assert f"No module named '{library}'" in run(bare_python, tmp_path / "missing.py").stderr
    assert [comparison.subjects for comparison in exported.comparisons] == [10, 6]
    points = [point for point in model.calibration.thresholds if point.rule == "youden"]
    for row in model.predict_table(table)[:2]:
        files = [f"{phase}={table.parent / row.subject / phase}.nii.gz" for phase in ("hbp", "pre")]
        found, others = predicted(run(bare_python, script, exported.path, *files), model.classes)
        assert found == pytest.approx(row.probabilities, abs=2e-4)
        # In the order of the classes, not by probability.
        assert others.pop("set at 0.9").split("; ") == [name for name in model.classes if name in row.classes]
        assert others == {
            f"{point.positive} at {point.value:.3f}": "yes"
            if row.probabilities[model.classes.index(point.positive)] >= point.value
            else "no"
            for point in points
        }


def test_the_file_holds_what_the_calibration_says(phantom, exported, tmp_path):
    model, _ = phantom
    written = onnx.load(exported.path)
    about = json.loads(next(entry.value for entry in written.metadata_props if entry.key == "xdistill"))
    probabilities = np.random.default_rng(0).dirichlet([1, 1, 1], 200)
    for level, least in about["calibration"]["sets"].items():
        by_file = probabilities >= np.array([least[name] for name in model.classes])
        assert (by_file == model.calibration.sets(probabilities, float(level))).all()
    assert [point["value"] for point in about["calibration"]["operating"]] == [
        point.value for point in model.calibration.thresholds
    ]
    extra = {"xdistill.json": ""}
    torch.export.load(export_model(model, tmp_path / "student.pt2").path, extra_files=extra)
    assert json.loads(extra["xdistill.json"])["calibration"] == about["calibration"]


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_file(), reason="the ACDC data are not here")
def test_the_script_serves_the_cardiac_cohort(catalog, bare_python, script, tmp_path, monkeypatch):
    monkeypatch.setenv("XDISTILL_DATA", str(DATA.parent.parent))
    rows = list(csv.DictReader(DATA.read_text().splitlines()))
    few = [row for place, row in enumerate(rows) if place % 10 == 0 or place % 10 == 5]
    for row in few:
        row |= {phase: str(DATA.parent / row[phase]) for phase in ("ed", "es")}
    with (tmp_path / "few.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, few[0])
        writer.writeheader()
        writer.writerows(few)
    changes = {"data.path": str(tmp_path / "few.csv"), "stages.joint.epochs": 1, "crossval.folds": 2}
    changes |= {f"{role}.branches.{phase}.width": 0.03125 for role in ("teacher", "student") for phase in ("ed", "es")}
    recipe = load_recipe(RECIPE, overrides=changes)
    list(fit(recipe, catalog, to=tmp_path / "model", runs=tmp_path / "runs", cache=tmp_path / "cache"))
    model = load_model(tmp_path / "model")
    written = export_model(model, tmp_path / "student.onnx")
    row = model.predict_table(tmp_path / "few.csv")[3]
    files = [f"{phase}={few[3][phase]}" for phase in ("ed", "es")]
    found, others = predicted(run(bare_python, script, written.path, *files), model.classes)
    assert found == pytest.approx(row.probabilities, abs=5e-4)
    assert others["set at 0.9"].split("; ") == [name for name in model.classes if name in row.classes]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"orientation": "RAS", "zscore": True},
        {"orientation": "PIR", "spacing": [1.5, 2.0, 0.7]},
        {"spacing": [3.0, 1.1, 1.0], "size": [6, 9, 12], "clip": [1, 99], "zscore": True},
        {"size": [5, 30, 11]},
    ],
)
def test_each_step_is_that_of_the_training(script, tmp_path, settings):
    values = np.random.default_rng(0).normal(100, 30, (13, 10, 8)).astype(np.float32)
    affine = np.array([[0.0, -1.2, 0.0, 5.0], [0.9, 0.0, 0.0, -3.0], [0.0, 0.0, 2.5, 1.0], [0, 0, 0, 1]])
    nibabel.save(nibabel.Nifti1Image(values, affine), tmp_path / "scan.nii.gz")
    steps = Preprocess.model_validate(settings)
    functions = runpy.run_path(str(script))
    found = functions["prepared"](str(tmp_path / "scan.nii.gz"), steps.model_dump(mode="json"))
    wanted = prepare(VolumeSource(tmp_path / "scan.nii.gz"), steps)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4 * float(np.abs(wanted).max()))


@pytest.mark.parametrize(
    "settings", [{"crop": {"center": [2, 2, 2]}}, {"size": [2, 2, 2], "fit": "area"}, {"orientation": "RAS"}]
)
def test_the_script_refuses_what_it_lacks(script, tmp_path, settings):
    nibabel.save(nibabel.Nifti1Image(np.zeros((3, 4, 5), np.float32), None), tmp_path / "scan.nii.gz")
    steps = Preprocess.model_validate(settings).model_dump(mode="json")
    with pytest.raises(SystemExit, match=r"scan.nii.gz: (this script crops nothing|does not state)"):
        runpy.run_path(str(script))["prepared"](str(tmp_path / "scan.nii.gz"), steps)


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
