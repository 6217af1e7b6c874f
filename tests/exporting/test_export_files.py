"""What an exported file says of itself, and what is refused."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import xdistill
from exporting.students import BLOCKS, model_of
from xdistill.deployment.export import export_model, verify
from xdistill.deployment.export.write import check_format
from xdistill.errors import ModelError, UserError
from xdistill.interfaces.transform import Transform
from xdistill.models.save import save_model


def onnx_metadata(path):
    return json.loads({prop.key: prop.value for prop in onnx.load(path).metadata_props}["xdistill"])


@pytest.fixture(scope="module")
def files(catalog, tmp_path_factory):
    """A perceptron in both formats, by ending; tests do not write to them."""
    folder, model = tmp_path_factory.mktemp("files"), model_of(catalog, BLOCKS["mlp"], temperature=1.25)
    return {name: export_model(model, folder / f"student.{name}").path for name in ("onnx", "pt2")}


def test_a_file_says_what_a_program_has_to_know(files):
    about = onnx_metadata(files["onnx"])
    assert about["classes"] == ["M0", "M1", "M2"]
    assert about["privileged"] == ["genes"]
    assert about["synthetic"] is True
    assert about["temperature"] == 1.25
    assert about["output"] == {"name": "probabilities", "columns": ["p_M0", "p_M1", "p_M2"]}
    assert about["inputs"]["clinical"]["columns"][2]["categories"] == ["F", "M", "other"]
    assert about["inputs"]["words"]["shape"] == [6]
    assert about["versions"]["exported"]["torch"] == torch.__version__


def test_both_formats_hold_the_same_document(files):
    extra = {"xdistill.json": ""}
    torch.export.load(files["pt2"], extra_files=extra)
    assert {**json.loads(extra["xdistill.json"]), "file": "onnx"} == onnx_metadata(files["onnx"])


def test_a_file_names_no_folder_of_this_machine(files):
    content = files["onnx"].read_bytes()
    with zipfile.ZipFile(files["pt2"]) as archive:
        content += b"".join(map(archive.read, archive.namelist()))
    for folder in (Path(xdistill.__file__).parents[1], Path(torch.__file__).parents[1], files["pt2"].parent):
        assert str(folder).encode() not in content


def test_names_of_inputs_and_outputs_and_the_free_batch(student, tmp_path):
    graph = onnx.load(export_model(student("clinical", optional=["clinical"]), tmp_path / "student.onnx").path).graph
    assert [value.name for value in graph.input] == ["hbp", "clinical", "clinical_present", "pre"]
    assert [value.name for value in graph.output] == ["probabilities"]
    assert all(value.type.tensor_type.shape.dim[0].dim_param for value in [*graph.input, *graph.output])


def test_a_transform_that_is_no_operation_stays_outside(student, tmp_path, monkeypatch):
    model = student("logistic regression")
    (step,) = model.members[0].transforms.of("clinical")
    monkeypatch.setattr(type(step), "as_module", Transform.as_module)
    written = export_model(model, tmp_path / "student.onnx")
    (plan,) = written.inputs
    assert plan.transformed
    assert plan.spec.shape == step.output().shape
    (state,) = onnx_metadata(written.path)["transforms"]
    assert state["state"] == json.loads(json.dumps(step.state()))


def test_an_ensemble_of_networks_with_their_own_transforms_outside_is_refused(student, tmp_path, monkeypatch):
    model = student("logistic regression", members=2)
    (step,) = model.members[0].transforms.of("clinical")
    monkeypatch.setattr(type(step), "as_module", Transform.as_module)
    with pytest.raises(ModelError, match=r"`tabular` of modality `clinical` .*--member"):
        export_model(model, tmp_path / "student.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("given", "name"), [("tflite", "a.onnx"), ("", "a.bin"), ("", "a")])
def test_an_unknown_format_is_refused(given, name, tmp_path):
    with pytest.raises(UserError, match=r"Valid formats: `onnx`, `pt2`"):
        check_format(given, tmp_path / name)


def test_a_format_is_told_by_the_ending(tmp_path):
    assert check_format("", tmp_path / "a.ONNX") == "onnx"
    assert check_format("pt2", tmp_path / "a.onnx") == "pt2"


def test_an_existing_file_is_replaced_whole(student, tmp_path):
    target = tmp_path / "student.onnx"
    target.write_bytes(b"x" * 10**6)
    export_model(student("majority"), target)
    onnx.checker.check_model(onnx.load(target))
    assert [path.name for path in tmp_path.iterdir()] == ["student.onnx"]


def test_a_file_that_differs_is_not_left_behind(student, tmp_path, monkeypatch):
    target = tmp_path / "student.onnx"
    target.write_bytes(b"old")
    reference = verify.reference
    monkeypatch.setattr(verify, "reference", lambda *given: reference(*given) + np.float64(2e-4))
    with pytest.raises(ModelError, match=r"differs from PyTorch by 0\.0002 on random inputs, more than 0\.0001"):
        export_model(student("majority"), target)
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["student.onnx"]


def test_a_folder_no_folder_and_the_model_itself_are_no_targets(student, tmp_path):
    model = student("majority")
    folder = save_model(model, tmp_path / "model")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for target, message in (
        (tmp_path, "is not a file"),
        (tmp_path / "none" / "a.onnx", "no such folder"),
        (folder / "a.onnx", "the folder of a model"),
        (folder / "model.safetensors", "the folder of a model"),
    ):
        with pytest.raises(UserError, match=message):
            export_model(model, target, file_format="onnx")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_nothing_to_quantize_is_an_error(student, tmp_path):
    with pytest.raises(ModelError, match="nothing to quantize"):
        export_model(student("majority"), tmp_path / "int8.onnx", int8=True)
    assert not list(tmp_path.iterdir())


def test_a_damaged_description_of_training_subjects_is_one_message(student, tmp_path):
    model = replace(student("majority"), training={"modalities": {"clinical": {"columns": [1, 2, 3, 4]}}})
    with pytest.raises(ModelError, match="description of its training subjects is not valid"):
        export_model(model, tmp_path / "student.onnx")
    assert not list(tmp_path.iterdir())


def test_a_student_without_inputs_is_refused(student, tmp_path):
    block = {"use": "fitted", "inputs": [], "estimator": {"use": "majority"}}
    with pytest.raises(ModelError, match="reads no modality"):
        export_model(student(block), tmp_path / "student.onnx")


def altered(model, monkeypatch, change):
    """The student's logits pass a function that no exporter expects."""
    network = type(model.members[0].network)
    forward = network.forward

    def changed(self, batch):
        output = forward(self, batch)
        return type(output)(change(output.logits))

    monkeypatch.setattr(network, "forward", changed)
    return model


def test_an_operator_that_onnx_does_not_have_is_named(student, tmp_path, monkeypatch):
    model = altered(student("mlp"), monkeypatch, lambda logits: logits * torch.special.bessel_j0(logits))
    with pytest.raises(ModelError, match=r"`prims\.bessel_j0.*--format pt2"):
        export_model(model, tmp_path / "student.onnx")
    assert not list(tmp_path.iterdir())
    export_model(model, tmp_path / "student.pt2")


def test_a_student_that_branches_on_values_is_refused(student, tmp_path, monkeypatch):
    model = altered(student("mlp"), monkeypatch, lambda logits: logits if logits.sum() > 0 else -logits)
    with pytest.raises(ModelError, match="must not depend on values"):
        export_model(model, tmp_path / "student.onnx")
    assert not list(tmp_path.iterdir())


def test_a_student_for_one_size_of_batch_is_refused(student, tmp_path, monkeypatch):
    model = altered(student("mlp"), monkeypatch, lambda logits: logits + torch.zeros(len(logits), 3))
    with pytest.raises(ModelError, match="number of subjects"):
        export_model(model, tmp_path / "student.pt2")
    assert not list(tmp_path.iterdir())
