from __future__ import annotations

import copy

import pytest
import torch
from safetensors.torch import save_file

from xdistill.errors import SettingsError


class TestSharedClinicalLayers:
    def test_they_are_counted_and_saved_once(self, build, blocks, schema, tmp_path):
        own = build("teacher", blocks[0](), schema=schema)
        shared = build("teacher", blocks[0](share_clinical=True), schema=schema)
        one = sum(parameter.numel() for parameter in own.branches["hbp"].clinical.parameters())
        assert count(own) - count(shared) == one
        assert shared.branches["pre"].clinical is shared.branches["hbp"].clinical
        save_file(shared.state_dict(), tmp_path / "shared.safetensors")

    def test_they_learn_from_both_branches(self, build, blocks, schema, make_batch):
        shared = build("teacher", blocks[0](share_clinical=True), schema=schema)
        batch = make_batch().restricted_to(shared.inputs)
        layer = shared.branches["hbp"].clinical.layers[0]
        grads = []
        for tap in ("hbp", "pre"):
            (grad,) = torch.autograd.grad(shared(batch).features[tap].sum(), layer.weight)
            grads.append(grad)
        assert all(grad.any() for grad in grads)

    def test_a_copy_shares_among_its_own_branches(self, build, blocks, schema):
        shared = build("teacher", blocks[0](share_clinical=True), schema=schema)
        twin = copy.deepcopy(shared)
        assert twin.branches["pre"].clinical is twin.branches["hbp"].clinical
        assert twin.branches["hbp"].clinical is not shared.branches["hbp"].clinical

    def test_branches_without_them_are_refused(self, build, blocks, schema):
        with pytest.raises(SettingsError, match="two branches with clinical layers") as caught:
            build("student", blocks[1](share_clinical=True), schema=schema)
        assert caught.value.field == "share_clinical"

    def test_unequal_branches_are_refused(self, build, blocks, schema):
        block = blocks[0](share_clinical=True)
        block["branches"]["pre"]["width"] = 0.1
        with pytest.raises(SettingsError, match=r"'hbp' and 'pre' differ.*make them equal"):
            build("teacher", block, schema=schema)


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())
