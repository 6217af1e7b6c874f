"""Series of patients, and what another converter makes of them."""

import logging

import nibabel
import numpy as np
import pytest

from xdistill.errors import DataError
from xdistill_dicom.convert import save_nifti
from xdistill_dicom.manifest import slices_of
from xdistill_mri.preprocess.read import read_volume

REASONS = {
    "gantrytilting": "gantry tilt: slices are shifted along a line 14.0 degrees off their normal",
    "notavolume": "not a volume: all 4 slices lie at the same position",
    "slicecount": "only 2 slices, and a volume has at least 4: slices are missing, or it is a localiser",
    "sliceorientation": "mixed orientation: 2 orientations (of 2, 2 slices)",
}


@pytest.fixture
def converted():
    """What dicom2nifti makes of a folder, on the grid of the slices."""
    from dicom2nifti import dicom_series_to_nifti

    logging.getLogger("dicom2nifti").setLevel(logging.ERROR)
    return lambda folder: dicom_series_to_nifti(folder, None, reorient_nifti=False)["NII"]


@pytest.mark.parametrize("name", ["pre", "post"])
def test_voxels_and_affine_equal_those_of_dicom2nifti(dicom, found, real, converted, tmp_path, name):
    folder = real / "brain_t1" / name
    expected = converted(folder)
    volume = dicom.read(folder)
    assert volume.values.shape == (280, 320, 22)
    assert np.array_equal(volume.values, expected.get_fdata())
    assert np.array_equal(volume.affine, expected.affine)
    (series,) = found(folder).series
    save_nifti(slices_of(series), tmp_path / "saved.nii.gz")
    saved = nibabel.load(tmp_path / "saved.nii.gz")
    assert np.array_equal(np.asanyarray(saved.dataobj), expected.get_fdata())
    assert np.array_equal(saved.affine, expected.affine.astype(np.float32))
    assert saved.get_data_dtype() == volume.values.dtype
    assert np.array_equal(read_volume(folder).values, read_volume(tmp_path / "saved.nii.gz").values)


@pytest.mark.parametrize("name", REASONS)
def test_what_is_no_volume_is_refused_with_the_reason(dicom, found, real, name):
    folder = real / "refused" / name
    assert [series.problems for series in found(folder).series] == [(REASONS[name],)]
    with pytest.raises(DataError) as raised:
        dicom.read(folder)
    assert str(raised.value) == f"{folder}: the DICOM series cannot be used: {REASONS[name]}"


def test_the_brain_series_are_described(found, real):
    pre, post = found(real / "brain_t1").series
    assert (pre.description, post.description) == ("T1pre_reg", "T1post")
    assert (pre.phase, post.phase) == ("pre", "post")
    assert pre.patient == post.patient
    assert (pre.seconds, round(post.seconds)) == (0, 304)
    assert np.allclose(pre.spacing, (0.6875, 0.6875, 6.5))
