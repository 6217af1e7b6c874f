import numpy as np
import pytest

from xdistill.errors import DataError
from xdistill_mri.preprocess.pipeline import prepare
from xdistill_mri.preprocess.settings import Preprocess
from xdistill_mri.preprocess.source import VolumeSource


def run(file, **settings):
    return prepare(VolumeSource(file), Preprocess.model_validate(settings))


def test_the_z_score_has_mean_0_and_standard_deviation_1(write_array):
    volume = run(write_array("a.npy", np.array([[[1.0, 3.0], [1.0, 3.0]]])), zscore=True)
    np.testing.assert_allclose(volume, [[[[-1, 1], [-1, 1]]]], atol=1e-6)


def test_clipping_stops_at_the_percentiles(write_array):
    volume = run(write_array("a.npy", np.arange(101.0).reshape(101, 1, 1)), clip=[10, 75])
    assert (volume.min(), volume.max()) == (10, 75)
    np.testing.assert_array_equal(volume[0, 10:76, 0, 0], np.arange(10, 76))


def test_clipping_comes_before_the_z_score(write_array):
    values = np.ones((10, 10, 10))
    values[::2] = 3
    values[0, 0, 0] = 1e6
    volume = run(write_array("a.npy", values), clip=[1, 99], zscore=True)
    np.testing.assert_allclose([volume.min(), volume.max()], [-1, 1], atol=1e-5)


def test_a_constant_volume_has_no_z_score(write_array):
    file = write_array("a.npy", np.full((2, 2, 2), 4.0))
    with pytest.raises(DataError, match="all voxels are 4 after cropping and clipping") as caught:
        run(file, zscore=True)
    assert str(file) in str(caught.value)
    assert "constant: zeros" in str(caught.value)
    np.testing.assert_array_equal(run(file, zscore=True, constant="zeros"), np.zeros((1, 2, 2, 2)))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_voxels_that_are_not_finite_are_counted_and_refused(write_array, bad):
    values = np.ones((3, 3, 3))
    values[0, 0, :2] = bad
    file = write_array("a.npy", values)
    with pytest.raises(DataError, match="2 of 27 voxels are NaN or infinite") as caught:
        run(file)
    assert str(file) in str(caught.value)
    assert "nonfinite: fill" in str(caught.value)


def test_they_are_filled_with_the_smallest_finite_value_on_demand(write_array):
    values = np.array([[[np.nan, 5.0], [2.0, np.inf]]])
    np.testing.assert_array_equal(run(write_array("a.npy", values), nonfinite="fill"), [[[[2, 5], [2, 2]]]])


def test_a_volume_without_a_finite_voxel_is_refused_all_the_same(write_array):
    with pytest.raises(DataError, match="none of its 8 voxels is a finite number"):
        run(write_array("a.npy", np.full((2, 2, 2), np.nan)), nonfinite="fill")
