"""One model and one server for all tests."""

import tempfile

import httpx
import pytest

from serve.served import fitted, nifti_gz, serving, volume


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    return fitted(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="session")
def uploads_folder(tmp_path_factory):
    """Where the server's temporary folders are."""
    folder = tmp_path_factory.mktemp("uploads")
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    yield folder
    tempfile.tempdir = before


@pytest.fixture(scope="session")
def server(model, uploads_folder):
    assert uploads_folder.is_dir()
    with serving(model) as running:
        yield running


@pytest.fixture(scope="session")
def url(server):
    return server[0]


@pytest.fixture(scope="session")
def client(url):
    limits = httpx.Limits(max_keepalive_connections=0)  # else a slow machine finds that the server has closed one
    with httpx.Client(base_url=url, timeout=120, trust_env=False, limits=limits) as client:
        yield client


@pytest.fixture(scope="session")
def contents():
    """A patient's files, by modality."""
    return {"hbp": nifti_gz(volume(1)), "pre": nifti_gz(volume(2))}


@pytest.fixture
def files(contents):
    """The same, as a form."""
    return {name: (f"{name}.nii.gz", content) for name, content in contents.items()}
