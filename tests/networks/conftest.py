"""A tiny cohort of two phases and a table, and networks built from blocks as a recipe writes them."""

from __future__ import annotations

import pytest
import torch

import xdistill_cmdnet
import xdistill_networks
from xdistill.interfaces import Student, Teacher
from xdistill.interfaces.component import choose
from xdistill.plugin.catalog import Plugin, build_catalog
from xdistill.types import Batch, ModalitySpec, Schema

INTERFACES = {"teacher": Teacher, "student": Student}


@pytest.fixture(scope="session")
def catalog():
    return build_catalog(
        [Plugin("cmdnet", xdistill_cmdnet, "xdistill", "0"), Plugin("networks", xdistill_networks, "xdistill", "0")]
    )


@pytest.fixture
def schema():
    return Schema(
        modalities={
            "hbp": ModalitySpec("volume", (1, 9, 17, 9)),
            "pre": ModalitySpec("volume", (1, 9, 17, 17)),
            "clinical": ModalitySpec("vector", (6,)),
        },
        classes=("M0", "M1", "M2"),
    )


@pytest.fixture
def make_batch(schema):
    """A batch of random subjects; ``dtype`` of the inputs."""

    def make(subjects=4, *, seed=0, dtype=torch.float32, of=schema):
        generator = torch.Generator().manual_seed(seed)
        return Batch(
            inputs={
                name: torch.randn(subjects, *spec.shape, generator=generator, dtype=dtype)
                for name, spec in of.modalities.items()
            },
            present={name: torch.ones(subjects, dtype=torch.bool) for name in of.modalities},
            subjects=tuple(f"s{place}" for place in range(subjects)),
            target=torch.arange(subjects) % len(of.classes),
        )

    return make


@pytest.fixture
def build(catalog):
    """Builds a component from its kind and its block; weights follow from the seed."""

    def make(kind, block, *, seed=0, **context):
        torch.manual_seed(seed)
        return choose(INTERFACES[kind], block, catalog).build(**context)

    return make


def teacher_block(**changes):
    return {
        "use": "multibranch",
        "branches": {
            phase: {
                "use": "mri_clinical_fusion",
                "inputs": [phase, "clinical"],
                "width": 0.0625,
                "features": 12,
                **changes.pop("branch", {}),
            }
            for phase in ("hbp", "pre")
        },
        "fusion": {"use": "cross_attention"},
        "head": {"hidden": [7]},
        **changes,
    }


def student_block(**changes):
    return {
        "use": "multibranch",
        "branches": {
            phase: {"use": "mri_only", "inputs": [phase], "width": 0.0625, "features": 12} for phase in ("hbp", "pre")
        },
        "fusion": {"use": "cross_attention"},
        **changes,
    }


@pytest.fixture
def blocks():
    """The teacher's and the student's block."""
    return teacher_block, student_block
