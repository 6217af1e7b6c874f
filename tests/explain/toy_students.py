"""Students with random weights, and students whose weights make them look for something bright."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from xdistill.interfaces.component import choose
from xdistill.interfaces.network import Student
from xdistill.models import Member, StudentModel
from xdistill.models.config import ReaderConfig, StudentConfig
from xdistill.models.restore import network_of, reader_of, transforms_of
from xdistill.plugin import load_catalog
from xdistill.recipe.schema.compute import Compute
from xdistill.types import ColumnSpec, ModalitySpec, Schema

CLASSES = ("M0", "M1", "M2")
SMALL = {"width": 0.03125, "features": 8}
SIDE = 24  # of an image with a spot


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


def model_of(student, modalities, *, members=1, change=None, **facts):
    """A model with random weights, which ``change`` may set."""
    config = config_of(student, modalities, **facts)
    catalog = load_catalog()
    transforms = transforms_of(config, catalog, {"transforms": []})
    found = []
    for seed in range(members):
        torch.manual_seed(seed)
        network = choose(Student, config.student, catalog).build(schema=transforms.schema)
        if change is not None:
            change(network)
        network = network_of(config, catalog, transforms.schema, network.state_dict())
        found.append(Member(f"r0-f{seed}", network, transforms))
    return StudentModel(config, tuple(found), reader=reader_of(config, catalog))


def multibranch(*names, fusion=None, **settings):
    branches = {name: {"use": "mri_only", "inputs": [name], **SMALL, **settings} for name in names}
    return {"use": "multibranch", "branches": branches, **({"fusion": fusion} if fusion else {})}


def linear(*names, estimator="logistic_regression"):
    return {"use": "fitted", "inputs": list(names), "estimator": {"use": estimator}}


def reads_from(preprocess, column="mri"):
    """A reader of one volume that is preprocessed like this."""
    settings = {"volumes": {"mri": {"column": column, "preprocess": preprocess}}}
    return ReaderConfig(use="hcc_phantom", settings=settings)


def prefer_bright(network):
    """Weights by which the last class gets the more likely the brighter its images are, wherever that is."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Conv3d):
                module.weight.fill_(1 / module.weight[0].numel())
        for name, parameter in network.named_parameters():
            if name.endswith("full.weight"):
                parameter.fill_(1.0)
            elif name.startswith("head"):
                parameter.zero_()
        head = next((module for name, module in network.named_modules() if name == "head.0"), None)
        if head is not None:
            head.weight[-1] = 1.0
        else:
            network.estimator.weight[-1] = 1.0


def random_arrays(modalities, subjects=1):
    rng = np.random.default_rng(0)
    return {name: rng.standard_normal((subjects, *spec.shape)).astype("float32") for name, spec in modalities.items()}


def spots(subjects: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Noise with a spot, bright in class 1 and dark in class 0; where it is; and the class."""
    rng = np.random.default_rng(seed)
    target = np.arange(subjects) % 2
    centre = rng.integers(5, SIDE - 5, (subjects, 2))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    distance = (rows - centre[:, :1, None]) ** 2 + (columns - centre[:, 1:, None]) ** 2
    spot = np.exp(-distance / 8) * np.where(target, 3, -3)[:, None, None]
    image = spot + 0.3 * rng.standard_normal(spot.shape)
    return image[:, None].astype("float32"), distance < 16, target
