import numpy as np
import pytest


@pytest.fixture
def write_nifti(tmp_path):
    """Write an array (x, y, z) as NIfTI; without an affine the file has no spatial transform."""
    nibabel = pytest.importorskip("nibabel")

    def write(name, values, affine=None, *, unit="mm", dtype=None):
        image = nibabel.Nifti1Image(np.asarray(values), affine if affine is None else np.asarray(affine, float))
        if dtype is not None:
            image.set_data_dtype(dtype)
        image.header.set_xyzt_units(unit)
        if affine is None:
            image.set_sform(None, code=0)
            image.set_qform(None, code=0)
        path = tmp_path / name
        nibabel.save(image, path)
        return path

    return write


@pytest.fixture
def write_array(tmp_path):
    def write(name, values):
        path = tmp_path / name
        np.save(path, values)
        return path

    return write
