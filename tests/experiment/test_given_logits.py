"""A teacher whose logits are a modality."""

from __future__ import annotations

import pytest
import torch

from tiny import loaded, tiny
from xdistill.errors import RecipeError, SettingsError
from xdistill.experiment.assemble import assemble
from xdistill.types import Batch, ModalitySpec, Schema
from xdistill_networks.given_logits import GivenLogits

DATA = {"use": "hcc_phantom", "subjects": 30, "shape": [8, 16, 16], "truth": True}
ORACLE = {
    "data": DATA,
    "privileged": ["truth"],
    "transforms": [],
    "teacher": {"use": "given_logits", "modality": "truth"},
    "stages": [{"name": "student", "train": ["student"], "epochs": 1, "objective": [{"use": "class_kl"}]}],
}


def schema(length: int) -> Schema:
    return Schema(modalities={"given": ModalitySpec(kind="vector", shape=(length,))}, classes=("a", "b"))


def test_it_returns_the_modality():
    network = GivenLogits(GivenLogits.Config(modality="given"), schema=schema(2))
    values = torch.tensor([[1.0, -2.0], [0.5, 3.0]])
    batch = Batch(inputs={"given": values}, present={"given": torch.ones(2, dtype=torch.bool)}, subjects=("a", "b"))
    assert torch.equal(network(batch).logits, values)
    assert not list(network.parameters())


def test_another_length_is_refused():
    with pytest.raises(SettingsError, match="a vector of 2 logits"):
        GivenLogits(GivenLogits.Config(modality="given"), schema=schema(3))


def test_it_teaches_without_a_stage_of_its_own(catalog):
    assert assemble(loaded(**ORACLE), catalog).networks["teacher"].use == "given_logits"


def test_a_teacher_with_parameters_still_needs_a_stage(catalog):
    with pytest.raises(RecipeError, match="which no earlier stage trains"):
        assemble(loaded(stages=ORACLE["stages"]), catalog)


def test_the_student_cannot_read_it(catalog):
    student = tiny()["student"]
    small = student["branches"]["hbp"]
    branches = {**student["branches"], "pre": {**small, "use": "mri_clinical_fusion", "inputs": ["pre", "truth"]}}
    with pytest.raises(RecipeError, match="the student reads `truth`, which is listed in `privileged`"):
        assemble(loaded(**ORACLE, student={**student, "branches": branches}), catalog)
