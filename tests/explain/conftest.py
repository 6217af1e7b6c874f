"""Students with random weights, and a student whose weights make it look for a bright lesion."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xdistill.data import FittedTransforms
from xdistill.models import Member, StudentModel
from xdistill.models.config import ReaderConfig, StudentConfig
from xdistill.models.restore import network_of, reader_of, transforms_of
from xdistill.plugin import load_catalog
from xdistill.recipe.schema.compute import Compute
from xdistill.types import ColumnSpec, ModalitySpec, Schema

CLASSES = ("M0", "M1", "M2")
SMALL = {"width": 0.03125, "features": 8}


def volumes(*names, shape=(8, 16, 16)):
    return {name: ModalitySpec("volume", (1, *shape)) for name in names}


def images(*names, shape=(16, 16)):
    return {name: ModalitySpec("image", (1, *shape)) for name in names}


def vector(*names):
    return ModalitySpec("vector", (len(names),), tuple(ColumnSpec(name) for name in names))


def config_of(student, modalities, *, reader=None, classes=CLASSES):
    return StudentConfig(
        name="toy",
        schema=Schema(modalities, classes).to_json(),
        student=student,
        transforms=[],
        privileged=[],
        optional=[],
        reader=reader,
        stored="float32",
        compute=Compute(),
        synthetic=True,
        cohort="",
        versions={},
    )


def model_of(student, modalities, *, members=1, reader=None, classes=CLASSES):
    """A model with random weights; its batch norms have seen data."""
    config = config_of(student, modalities, reader=reader, classes=classes)
    catalog = load_catalog()
    found = []
    for seed in range(members):
        torch.manual_seed(seed)
        transforms = transforms_of(config, catalog, {"transforms": []})
        network = _fresh(config, catalog, transforms)
        found.append(Member(f"r0-f{seed}", network, transforms))
    return StudentModel(config, tuple(found), reader=reader_of(config, catalog))


def _fresh(config, catalog, transforms: FittedTransforms):
    from xdistill.interfaces.network import Student
    from xdistill.models.restore import _chosen

    built = _chosen(Student, config.student, catalog, "student").build(schema=transforms.schema)
    return network_of(config, catalog, transforms.schema, built.state_dict())


def multibranch(*names, fusion=None, **settings):
    branches = {name: {"use": "mri_only", "inputs": [name], **SMALL, **settings} for name in names}
    return {"use": "multibranch", "branches": branches, **({"fusion": fusion} if fusion else {})}


def reader_config(**preprocess):
    settings = {"volumes": {"mri": {"column": "mri", "preprocess": preprocess}}}
    return ReaderConfig(use="hcc_phantom", settings=settings)


@pytest.fixture
def arrays():
    """Random arrays for modalities."""

    def make(modalities, subjects=1):
        rng = np.random.default_rng(0)
        return {name: rng.standard_normal((subjects, *spec.shape)).astype("float32") for name, spec in modalities.items()}

    return make
