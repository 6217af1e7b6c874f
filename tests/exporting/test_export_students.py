"""Every bundled student in both formats gives the predictions of PyTorch, for batches of any size."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from exporting.students import BLOCKS, SCHEMA, values_of
from xdistill.data import ArrayCohort
from xdistill.deployment.export import export_model
from xdistill.deployment.export.formats import onnx_runner, program_runner, write_onnx, write_program
from xdistill.deployment.export.graph import StudentGraph
from xdistill.deployment.export.plan import plan_inputs
from xdistill.deployment.export.subjects import Subjects
from xdistill.deployment.export.trace import traced
from xdistill.interfaces.transform import Transform

RUNNERS = {"onnx": onnx_runner, "pt2": program_runner}


def predicted(model, values):
    """Calibrated predictions for values as a cohort holds them: categories are indices."""
    return model.calibrated(model.predict_cohort(ArrayCohort(model.schema, values, None)))


def named(block):
    """Names of all components in a block."""
    if isinstance(block, dict):
        return {block["use"]} if set(block) == {"use"} else set().union(*map(named, block.values()), [block.get("use")])
    return set()


@pytest.mark.parametrize("kind", ["student", "encoder", "fusion", "estimator"])
def test_every_bundled_component_is_exported_here(kind, catalog):
    assert set(catalog.names(kind)) <= set().union(*map(named, BLOCKS.values()))


# A graph takes torch seconds to trace. These have hardly an operation that those of the other blocks lack.
SIMILAR = {
    *("attention, voxels", "attention, text", "attention, bare", "attention, flattened"),
    *("clinical", "lstm", "concat", "concat, svm", "perceptron branch", "values branch", "forest of numbers", "ridge"),
    "risks",
}
EVERY = [pytest.param(block, marks=pytest.mark.slow) if block in SIMILAR else block for block in BLOCKS]


@pytest.mark.parametrize("block", EVERY)
def test_files_predict_what_the_model_predicts(block, student, tmp_path):
    model = student(block, temperature=1.7)
    inputs = plan_inputs(model)
    program = traced(StudentGraph(model, inputs))
    write_onnx(program, [plan.name for plan in inputs], "{}", tmp_path / "student.onnx")
    write_program(program, "{}", tmp_path / "student.pt2")
    for file_format, runner in RUNNERS.items():
        run = runner(tmp_path / f"student.{file_format}")
        for count in (1, 6):
            values = values_of(model.schema, count, seed=9)
            everyone = {name: np.ones(count, dtype=bool) for name in model.inputs}
            found = run(Subjects(values, everyone).feed(model, inputs))
            assert found.shape == (count, 3)
            np.testing.assert_allclose(found, predicted(model, values), atol=2e-5)


@pytest.mark.parametrize("file_format", ["onnx", "pt2"])
def test_an_ensemble_is_one_file_with_the_mean_of_its_networks(file_format, student, tmp_path):
    model = student("logistic regression", members=3, temperature=0.6)
    written = export_model(model, tmp_path / f"student.{file_format}")
    values = values_of(model.schema, 5, seed=3)
    members = np.stack([predicted(model.member(member.name), values) for member in model.members])
    powers = members.mean(axis=0) ** (1 / 0.6)  # temperature scaling, written as powers
    expected = powers / powers.sum(axis=1, keepdims=True)
    found = RUNNERS[file_format](written.path)({"clinical": values["clinical"]})
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert written.members == 3


@pytest.mark.parametrize("file_format", ["onnx", "pt2"])
def test_an_optional_modality_has_a_mask(file_format, student, tmp_path):
    model = student("mlp", optional=["clinical"])
    written = export_model(model, tmp_path / f"student.{file_format}")
    values = values_of(model.schema, 4, seed=5)
    present = np.array([True, False, True, False])
    run = RUNNERS[file_format](written.path)
    found = run({**values, "clinical_present": present})
    other = {**values, "clinical": np.where(present[:, None], values["clinical"], 1e6)}
    np.testing.assert_array_equal(run({**other, "clinical_present": present}), found)
    cohort = Subjects(values, {name: present if name == "clinical" else present | True for name in model.inputs})
    np.testing.assert_allclose(found, model.predict_cohort(cohort.cohort(model.schema)), atol=2e-5)


def test_only_optional_modalities_have_a_mask(student):
    plans = plan_inputs(student("clinical", optional=["clinical"]))
    assert [(plan.name, plan.dtype, plan.optional) for plan in plans] == [
        ("hbp", "float32", False),
        ("clinical", "float64", True),
        ("pre", "float32", False),
    ]


@pytest.mark.parametrize("name", ["clinical", "words"])
@pytest.mark.parametrize("scale", ["standard", "robust", "power", "none"])
def test_transforms_as_operations_are_the_transforms(name, scale, catalog):
    from xdistill.interfaces.component import choose

    settings = {"use": "tabular", "scale": scale}
    if name == "words":
        settings = {"use": "tfidf", "logarithmic": scale == "power"}
    step = choose(Transform, {**settings, "modality": name}, catalog).build(spec=SCHEMA.modalities[name])
    step.fit(values_of(SCHEMA, 40)[name])
    new = values_of(SCHEMA, 60, seed=1)[name]
    if name == "clinical":
        new[:3, 2] = [2, np.nan, 1]  # a category that training did not have
    found = step.as_module()(torch.from_numpy(new))
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), step.apply(new), rtol=1e-6, atol=1e-6)
