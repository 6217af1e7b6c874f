"""Two phases of one size, a table, and networks built from blocks as a recipe writes them."""

from __future__ import annotations

import pytest
import torch

import xdistill_baselines
import xdistill_cmdnet
import xdistill_networks
from xdistill.interfaces import Student
from xdistill.interfaces.component import choose
from xdistill.plugin.catalog import Plugin, build_catalog
from xdistill.types import Batch, ModalitySpec, Schema

PLUGINS = {"baselines": xdistill_baselines, "cmdnet": xdistill_cmdnet, "networks": xdistill_networks}
VOLUME = ModalitySpec("volume", (1, 9, 17, 12))


@pytest.fixture(scope="session")
def catalog():
    return build_catalog([Plugin(name, module, "xdistill", "0") for name, module in PLUGINS.items()])


@pytest.fixture
def schema():
    phases = dict.fromkeys(("hbp", "pre", "art"), VOLUME)
    return Schema({**phases, "clinical": ModalitySpec("vector", (4,))}, ("M0", "M1", "M2"))


@pytest.fixture
def make_batch(schema):
    """Random subjects."""

    def make(subjects=4, *, seed=0, of=schema, inputs=None):
        generator = torch.Generator().manual_seed(seed)
        whole = Batch(
            inputs={
                name: torch.randn(subjects, *spec.shape, generator=generator) for name, spec in of.modalities.items()
            },
            present={name: torch.ones(subjects, dtype=torch.bool) for name in of.modalities},
            subjects=tuple(f"s{place}" for place in range(subjects)),
        )
        return whole if inputs is None else whole.restricted_to(inputs)

    return make


@pytest.fixture
def build(catalog, schema):
    """A student from its block; weights follow from the seed."""

    def make(block, *, seed=0, of=schema):
        torch.manual_seed(seed)
        return choose(Student, block, catalog).build(schema=of)

    return make
