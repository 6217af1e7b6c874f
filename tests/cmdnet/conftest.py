"""A tiny cohort of two phases and a table, and networks built from blocks as a recipe writes them."""

from __future__ import annotations

import pytest
import torch

import xdistill_cmdnet
from xdistill.interfaces import DistillationLoss, Encoder, Fusion, Student, TaskLoss, Teacher, TrainingFacts
from xdistill.interfaces.component import choose
from xdistill.plugin.catalog import Plugin, build_catalog
from xdistill.types import Batch, ColumnSpec, ModalitySpec, OutputSpec, Schema

INTERFACES = {
    "encoder": Encoder,
    "fusion": Fusion,
    "teacher": Teacher,
    "student": Student,
    "task_loss": TaskLoss,
    "distillation_loss": DistillationLoss,
}
COLUMNS = (
    ColumnSpec("AFP"),
    ColumnSpec("sex=F", source="sex"),
    ColumnSpec("sex=M", source="sex"),
    ColumnSpec("INR"),
    ColumnSpec("AFP is missing", "indicator", source="AFP"),
    ColumnSpec("sex is missing", "indicator", source="sex"),
)


@pytest.fixture(scope="session")
def catalog():
    return build_catalog([Plugin("cmdnet", xdistill_cmdnet, "xdistill", "0")])


@pytest.fixture
def schema():
    return Schema(
        modalities={
            "hbp": ModalitySpec("volume", (1, 9, 17, 9)),
            "pre": ModalitySpec("volume", (1, 9, 17, 17)),
            "clinical": ModalitySpec("vector", (len(COLUMNS),), columns=COLUMNS),
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


@pytest.fixture
def training(schema):
    return TrainingFacts(schema=schema, class_counts=(6, 3, 1))


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


@pytest.fixture
def spec_of():
    """The shapes of an output."""

    def spec(output):
        return OutputSpec(
            outputs=output.logits.shape[1],
            features={tap: tuple(value.shape[1:]) for tap, value in output.features.items()},
        )

    return spec
