"""Cohorts and augmentations of volumes pass the suites that every plugin's author can inherit."""

import numpy as np
import pytest

from xdistill.testing import AugmentationConformance, DatasetConformance
from xdistill_mri.augment import MonaiTransform, VolumeAffine, VolumeFlip, VolumeIntensity
from xdistill_mri.lesions import Lesions2D
from xdistill_mri.manifest import ManifestDataset
from xdistill_mri.phantom import HccPhantom


class TestHccPhantom(DatasetConformance):
    component = HccPhantom
    settings = {"subjects": 12, "shape": [4, 6, 6]}


class TestLesions2D(DatasetConformance):
    component = Lesions2D
    settings = {"subjects": 12, "size": 8}


class TestManifestDataset(DatasetConformance):
    component = ManifestDataset

    @pytest.fixture(autouse=True)
    def files(self, tmp_path):
        generator = np.random.default_rng(0)
        rows = ["subject,label,t1,age,sex"]
        for place in range(6):
            np.save(tmp_path / f"{place}.npy", generator.standard_normal((2, 3, 4)).astype(np.float32))
            rows.append(f"s{place},{'AB'[place % 2]},{place}.npy,{place + 40 if place else ''},{'fm'[place % 2]}")
        (tmp_path / "cohort.csv").write_text("\n".join(rows) + "\n")
        self.settings = {"path": str(tmp_path / "cohort.csv")}


class TestVolumeFlip(AugmentationConformance):
    component = VolumeFlip
    affected = ("scan", "second_scan", "picture")


class TestVolumeAffine(AugmentationConformance):
    component = VolumeAffine
    settings = {"rotate": 20, "shift": 0.1, "scale": 0.1, "modalities": ["scan", "picture"]}
    affected = ("scan", "picture")


class TestVolumeIntensity(AugmentationConformance):
    component = VolumeIntensity
    settings = {"scale": 0.1, "shift": 0.1, "noise": 0.1, "modalities": ["second_scan"]}
    affected = ("second_scan",)


class TestMonaiTransform(AugmentationConformance):
    component = MonaiTransform
    settings = {"transform": "RandZoom", "settings": {"prob": 1.0}, "modalities": ["scan", "picture"]}
    affected = ("scan", "picture")
