"""An abdominal MR volume and its organ labels (label 5 is the liver), where the data are at hand."""

import os
from pathlib import Path

import numpy as np
import pytest

from xdistill.errors import DataError
from xdistill_mri.preprocess.pipeline import prepare
from xdistill_mri.preprocess.read import read_volume
from xdistill_mri.preprocess.settings import Preprocess
from xdistill_mri.preprocess.source import VolumeSource

LIVER = 5


@pytest.fixture(scope="module")
def folder():
    root = os.environ.get("XDISTILL_DATA")
    if not root:
        pytest.skip("XDISTILL_DATA is not set")
    if not (Path(root) / "nifti").is_dir():
        pytest.skip(f"there is no folder nifti in {root}")
    return Path(root)


def run(folder, **settings):
    source = VolumeSource(folder / "nifti" / "example_mr_sm.nii.gz", mask=folder / "nifti" / "example_seg_mr.nii.gz")
    return prepare(source, Preprocess.model_validate(settings))


def test_the_header_is_understood(folder):
    volume = read_volume(folder / "nifti" / "example_mr_sm.nii.gz")
    assert volume.shape == (20, 91, 117)
    np.testing.assert_allclose(volume.spacing("this"), [3, 3, 3])


def test_the_liver_is_cut_out_with_10_mm_around_it(folder):
    labels = read_volume(folder / "nifti" / "example_seg_mr.nii.gz").values
    image = read_volume(folder / "nifti" / "example_mr_sm.nii.gz").values
    places = np.argwhere(labels == LIVER)
    # 10 mm at 3 mm are four voxels, within the volume.
    first = np.maximum(places.min(axis=0) - 4, 0)
    last = np.minimum(places.max(axis=0) + 5, labels.shape)
    expected = image[tuple(slice(a, b) for a, b in zip(first, last, strict=True))].transpose(2, 1, 0)
    volume = run(folder, crop={"mask": "liver", "labels": [LIVER], "margin": 10})
    np.testing.assert_array_equal(volume[0], expected)


def test_the_liver_comes_out_the_same_when_turned_and_turned_on(folder):
    plain = run(folder, crop={"mask": "liver", "labels": [LIVER], "margin": 10})
    turned = run(folder, orientation="RAS", crop={"mask": "liver", "labels": [LIVER], "margin": 10})
    # The file is stored towards left, posterior and superior: width and height turn round.
    np.testing.assert_array_equal(turned, plain[:, :, ::-1, ::-1])


def test_the_liver_is_resampled_and_resized(folder):
    settings = {
        "orientation": "RAS",
        "spacing": [3, 2, 2],
        "crop": {"mask": "liver", "labels": [LIVER], "margin": 10},
        "clip": [1, 99],
        "zscore": True,
    }
    natural = run(folder, **settings)
    plain = run(folder, crop=settings["crop"])
    # 2 mm in place of 3 mm: half as many voxels again, up to rounding of the box and its margin.
    assert abs(natural.shape[3] - plain.shape[3] * 1.5) <= 4
    volume = run(folder, **settings, size=[12, 48, 48])
    assert volume.shape == (1, 12, 48, 48)
    np.testing.assert_allclose([volume.mean(), volume.std()], [0, 1], atol=1e-5)


def test_cardiac_files_say_nothing_of_their_spacing(folder):
    file = folder / "acdc" / "volumes" / "patient001_ED.nii.gz"
    if not file.is_file():
        pytest.skip(f"there is no {file}")
    assert read_volume(file).affine is None
    with pytest.raises(DataError, match="has no spatial transform"):
        prepare(VolumeSource(file), Preprocess(spacing=(5.0, 1.5, 1.5)))
