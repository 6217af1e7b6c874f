"""Losses built from blocks as a recipe writes them, for outputs as they come."""

from __future__ import annotations

import pytest
import torch

import xdistill_losses
from losses.outputs import make_batch
from xdistill.interfaces import DistillationLoss
from xdistill.interfaces.component import choose
from xdistill.plugin.catalog import Plugin, build_catalog
from xdistill.types import OutputSpec


@pytest.fixture(scope="session")
def losses():
    """The catalog of this plugin alone."""
    return build_catalog([Plugin("losses", xdistill_losses, "xdistill", "0")])


@pytest.fixture
def build(losses):
    """A distillation loss from its block and the specs of both networks."""

    def make(block, **specs):
        return choose(DistillationLoss, block, losses).build(**specs)

    return make


@pytest.fixture
def build_for(losses):
    """A loss from its block for two shapes of each tap; its own weights follow from the seed."""

    def make(block, *, student, teacher=None, classes=3, seed=0):
        torch.manual_seed(seed)
        specs = {"student": OutputSpec(classes, student), "teacher": OutputSpec(classes, teacher or student)}
        return choose(DistillationLoss, block, losses).build(**specs)

    return make


@pytest.fixture
def value_of(build_for):
    """The value of a block's loss for two outputs, in double precision."""

    def compute(block, student, teacher, *, target=None):
        shapes = [
            {tap: tuple(value.shape[1:]) for tap, value in output.features.items()} for output in (student, teacher)
        ]
        loss = build_for(block, student=shapes[0], teacher=shapes[1], classes=student.logits.shape[1]).double()
        value = loss(student, teacher, make_batch(len(student.logits), target))
        assert value.shape == ()
        return value.detach().item()

    return compute
