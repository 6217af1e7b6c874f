import os
from pathlib import Path

import pytest

from xdistill.interfaces.series import Privacy
from xdistill.plugin.series import series_format


@pytest.fixture
def dicom():
    return series_format("dicom")


@pytest.fixture
def found(dicom, tmp_path):
    """The series of a folder, with hashed ids unless it is said otherwise; one key, so that the hashes are known."""

    def find(folder, *, keep=False, dates=False):
        if keep:
            return dicom.find(folder, Privacy(None, dates))
        key = tmp_path / "key"
        if not key.exists():
            key.touch(mode=0o600)
            key.write_text("5a" * 32)
        return dicom.find(folder, Privacy(key, dates))

    return find


@pytest.fixture
def only(found):
    """The only series of a folder."""

    def find(folder):
        (series,) = found(folder).series
        return series

    return find


@pytest.fixture(scope="session")
def real():
    """The folder with DICOM series of patients."""
    data = os.environ.get("XDISTILL_DATA")
    if not data or not (Path(data) / "dicom").is_dir():
        pytest.skip("XDISTILL_DATA names no folder with dicom/")
    return Path(data) / "dicom"
