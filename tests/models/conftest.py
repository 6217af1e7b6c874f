"""One small run, its cohort as files, and a model fitted from it."""

from __future__ import annotations

import shutil

import pytest

import xdistill
from tiny import tiny
from xdistill.data import open_cohort
from xdistill.data.export import export_cohort


@pytest.fixture(scope="session")
def run(tiny_run):
    """A finished run of the tiny recipe."""
    return tiny_run


@pytest.fixture(scope="session")
def table(run, tmp_path_factory):
    """The cohort's images as NIfTI files, without labels and clinical items."""
    folder = tmp_path_factory.mktemp("exported") / "new"
    return export_cohort(open_cohort(run.cohort.path), folder, modalities=["hbp", "pre"], labels=False)


@pytest.fixture(scope="session")
def fitted(run, tmp_path_factory, shared_cache):
    """A model folder; tests do not write to it."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    xdistill.fit(tiny(), folder, runs=run.path.parent.parent, cache=shared_cache)
    return folder


@pytest.fixture
def model_folder(fitted, tmp_path):
    """A copy of the model folder, to be damaged."""
    return shutil.copytree(fitted, tmp_path / "model")
