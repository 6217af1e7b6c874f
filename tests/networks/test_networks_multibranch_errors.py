from __future__ import annotations

import pytest
from pydantic import ValidationError

from xdistill.errors import SettingsError


def test_an_unknown_modality_is_named_with_what_is_near(build, blocks, schema):
    block = blocks[1]()
    block["branches"]["hbp"]["inputs"] = ["hpb"]
    with pytest.raises(SettingsError, match=r"no modality 'hpb'; did you mean 'hbp'\?") as caught:
        build("student", block, schema=schema)
    assert caught.value.field == "branches.hbp.inputs"


@pytest.mark.parametrize(
    ("use", "inputs", "message"),
    [
        ("mri_only", ["hbp", "pre"], "reads one volume or image, not hbp"),
        ("mri_only", ["hbp", "hbp"], "reads one volume or image"),
        ("mri_only", ["clinical"], r"not clinical \(vector, 6\)"),
        ("mri_clinical_fusion", ["hbp"], "for an image alone use mri_only"),
        ("mri_clinical_fusion", ["hbp", "pre"], "one volume or image and one vector"),
        ("mri_clinical_fusion", ["hbp", "clinical", "pre"], "one volume or image and one vector"),
        ("mlp", ["hbp"], r"mlp reads vectors, not hbp \(volume\)"),
    ],
)
def test_a_branch_of_the_wrong_modalities_is_refused_at_its_place(build, schema, use, inputs, message):
    block = {"use": "multibranch", "branches": {"one": {"use": use, "inputs": inputs}}}
    with pytest.raises(SettingsError, match=message) as caught:
        build("teacher", block, schema=schema)
    assert caught.value.field == "branches.one.inputs"


def test_attention_over_one_branch_is_refused_at_its_place(build, blocks, schema):
    block = blocks[1]()
    del block["branches"]["pre"]
    with pytest.raises(SettingsError, match="joins two or more branches") as caught:
        build("student", block, schema=schema)
    assert caught.value.field == "fusion"


@pytest.mark.parametrize("name", ["fused", "h.bp", "values", "type", ""])
def test_branch_names_that_cannot_be_taps_are_refused(build, blocks, schema, name):
    block = blocks[1]()
    block["branches"][name] = block["branches"].pop("pre")
    with pytest.raises(ValidationError, match="a branch cannot be named"):
        build("student", block, schema=schema)


def test_no_branches_are_refused(build, schema):
    with pytest.raises(ValidationError):
        build("student", {"use": "multibranch", "branches": {}}, schema=schema)
