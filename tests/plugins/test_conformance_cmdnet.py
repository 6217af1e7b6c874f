"""CMD-Net's components pass the suites that every plugin's author can inherit."""

import pytest

from xdistill.interfaces import BranchSpec
from xdistill.testing import (
    EncoderConformance,
    FusionConformance,
    TaskLossConformance,
)
from xdistill_cmdnet.cross_attention import CrossAttention
from xdistill_cmdnet.encoders import ImageClinicalFusion, ImageOnly, MriClinicalFusion, MriOnly
from xdistill_cmdnet.reconstruction import ClinicalReconstruction

TINY = {"width": 0.0625, "features": 6}


class TestClinicalReconstruction(TaskLossConformance):
    component = ClinicalReconstruction
    settings = {"taps": ["first", "second"], "modality": "table", "hidden": [4]}
    scores_logits = False


class TestMriOnly(EncoderConformance):
    component = MriOnly

    @pytest.fixture(autouse=True, params=["scan", "picture"])
    def image(self, request):
        self.settings = {"inputs": [request.param], **TINY}


class TestMriClinicalFusion(EncoderConformance):
    component = MriClinicalFusion
    settings = {"inputs": ["scan", "table"], **TINY}


class TestImageOnly(EncoderConformance):
    component = ImageOnly
    settings = {"inputs": ["picture"], **TINY}


class TestImageClinicalFusion(EncoderConformance):
    component = ImageClinicalFusion
    settings = {"inputs": ["picture", "table"], **TINY}


class TestCrossAttention(FusionConformance):
    component = CrossAttention


class TestCrossAttentionOverPositions(FusionConformance):
    component = CrossAttention
    settings = {"tokens": "voxels", "residual": True, "share_kv": False, "heads": 2}
    branches = {name: BranchSpec(8, 4) for name in ("first", "second", "third")}
