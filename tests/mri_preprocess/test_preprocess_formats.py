"""Volumes in other formats than NIfTI, and NIfTI with several channels or one damaged transform."""

import struct

import numpy as np
import pytest

from xdistill.errors import DataError
from xdistill_mri.preprocess.formats import orientation_of, read_channels, space_of
from xdistill_mri.preprocess.read import transform_problem
from xdistill_mri.preprocess.settings import Preprocess
from xdistill_mri.preprocess.source import VolumeSource
from xdistill_mri.preprocess.space import differences, files_of_source

nibabel = pytest.importorskip("nibabel")
itk = pytest.importorskip("SimpleITK")

VALUES = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
# Axes to the left, the front and the top, 2, 3 and 4 mm, shifted.
AFFINE = np.array([[-2.0, 0, 0, 11], [0, 3, 0, -7], [0, 0, 4, 5], [0, 0, 0, 1]])


def read(file, **settings):
    return read_channels(VolumeSource(file), Preprocess.model_validate(settings))


def refusal(file, **settings):
    with pytest.raises(DataError) as caught:
        read(file, **settings)
    assert str(file) in str(caught.value)
    return str(caught.value)


@pytest.fixture
def both(tmp_path):
    """The same volume, written by nibabel, and from that file by SimpleITK in its own formats."""
    nibabel.save(nibabel.Nifti1Image(VALUES, AFFINE), tmp_path / "a.nii.gz")
    image = itk.ReadImage(str(tmp_path / "a.nii.gz"))
    for name in ("a.nrrd", "a.mha", "a.mhd", "itk.nii.gz"):
        itk.WriteImage(image, str(tmp_path / name))
    return tmp_path


@pytest.mark.parametrize("name", ["a.nii.gz", "itk.nii.gz", "a.nrrd", "a.mha", "a.mhd"])
def test_axes_and_directions_are_those_of_nifti(both, name):
    (volume,) = read(both / name)
    np.testing.assert_array_equal(volume.values, VALUES)
    assert volume.oriented
    np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-5)
    assert orientation_of(both / name) == "LAS"
    space = space_of(VolumeSource(both / name), Preprocess())
    assert space.shape == (2, 3, 4)
    np.testing.assert_allclose(space.affine, AFFINE, atol=1e-5)


def test_no_spacing_is_invented_for_a_header_without_one(tmp_path):
    image = itk.GetImageFromArray(VALUES)
    itk.WriteImage(image, str(tmp_path / "a.mha"))
    content = (tmp_path / "a.mha").read_bytes()
    lines = [line for line in content.split(b"\n", 20) if not line.startswith(b"ElementSpacing")]
    (tmp_path / "a.mha").write_bytes(b"\n".join(lines))
    (volume,) = read(tmp_path / "a.mha")
    assert volume.affine is None
    with pytest.raises(DataError, match="does not state it"):
        volume.spacing("spacing")


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "a.mhd"])
@pytest.mark.parametrize("keep", [0, 30, -20])
def test_truncated_files_are_refused(both, name, keep):
    content = (both / name).read_bytes()
    (both / name).write_bytes(content[:keep])
    refusal(both / name)


def test_the_values_of_an_mhd_file_are_beside_it(both):
    assert files_of_source(VolumeSource(both / "a.mhd")) == [both / "a.mhd", both / "a.raw"]
    header = (both / "a.mhd").read_text()
    (both / "a.mhd").write_text(header.replace("a.raw", "../a.raw"))
    assert "must be in one file in the same folder, not '../a.raw'" in refusal(both / "a.mhd")
    (both / "a.mhd").write_text(header.replace("a.raw", "b.raw"))
    assert "there is no file b.raw" in refusal(both / "a.mhd")


def test_a_header_that_promises_too_much_is_refused(both):
    header = (both / "a.mhd").read_text()
    (both / "a.mhd").write_text(header.replace("DimSize = 2 3 4", "DimSize = 20000 30000 4000"))
    assert "states more voxels than 48 bytes can hold" in refusal(both / "a.mhd")


def test_a_channel_of_a_series_is_chosen_by_its_number(tmp_path):
    series = np.arange(120, dtype=np.int16).reshape(2, 3, 4, 5)
    nibabel.save(nibabel.Nifti1Image(series, AFFINE), tmp_path / "a.nii.gz")
    itk.WriteImage(itk.ReadImage(str(tmp_path / "a.nii.gz")), str(tmp_path / "a.nrrd"))
    vectors = itk.GetImageFromArray(series.transpose(2, 1, 0, 3), isVector=True)
    itk.WriteImage(vectors, str(tmp_path / "a.mha"))
    np.save(tmp_path / "last.npy", series.transpose(2, 1, 0, 3))
    np.save(tmp_path / "first.npy", series.transpose(3, 2, 1, 0))
    for name, more in (
        ("a.nii.gz", {}),
        ("a.nrrd", {}),
        ("a.mha", {}),
        ("last.npy", {"channels": "last"}),
        ("first.npy", {"channels": "first"}),
    ):
        (chosen,) = read(tmp_path / name, channel=3, **more)
        np.testing.assert_array_equal(chosen.values, series[..., 3])
        every = read(tmp_path / name, channel="all", **more)
        np.testing.assert_array_equal([one.values for one in every], series.transpose(3, 0, 1, 2))
        assert "has no channel 5; it has 5, counted from 0" in refusal(tmp_path / name, channel=5, **more)
    assert "holds 4 dimensions (2 x 3 x 4 x 5); a 3-D volume is needed; set `channel`" in refusal(tmp_path / "a.nii.gz")
    assert "set `channels: first` or `channels: last`, and `channel`" in refusal(tmp_path / "last.npy")


def test_colours_of_a_nifti_file_are_channels(tmp_path):
    colours = np.zeros((2, 3, 4), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    colours["G"] = 7
    nibabel.save(nibabel.Nifti1Image(colours, AFFINE), tmp_path / "a.nii")
    assert [one.values.max() for one in read(tmp_path / "a.nii", channel="all")] == [0, 7, 0]


def with_quaternion(file, quaternion, sform_code=1):
    """A file whose qform has this quaternion."""
    image = nibabel.Nifti1Image(VALUES, AFFINE)
    image.set_qform(AFFINE, code=1)
    image.set_sform(AFFINE, code=sform_code)
    content = bytearray(image.to_bytes())
    start = image.header.structarr.dtype.fields["quatern_b"][1]
    content[start : start + 12] = struct.pack("<3f", *quaternion)
    file.write_bytes(content)
    return file


def test_a_good_sform_is_used_where_the_qform_is_damaged(tmp_path):
    file = with_quaternion(tmp_path / "a.nii", (0.70711, 0.70711, 0.001))
    np.testing.assert_allclose(read(file)[0].affine, AFFINE)
    assert orientation_of(file) == "LAS"
    assert transform_problem(file).startswith("the qform is damaged (w2 should be positive")
    assert transform_problem(file).endswith("so the sform is used")
    alone = with_quaternion(tmp_path / "b.nii", (0.70711, 0.70711, 0.001), sform_code=0)
    assert "w2 should be positive" in refusal(alone)


def test_a_good_qform_is_used_where_the_sform_is_singular(tmp_path):
    file = with_quaternion(tmp_path / "a.nii", (0.0, 1.0, 0.0))
    content = bytearray(file.read_bytes())
    content[280:296] = bytes(16)  # the first row of the sform
    file.write_bytes(content)
    # Half a turn about y turns x and z round, and the file's qfac of -1 turns z back.
    np.testing.assert_allclose(read(file)[0].affine, AFFINE, atol=1e-5)
    assert transform_problem(file) == "the sform is singular, so the qform is used"


def test_volumes_that_lie_apart_or_are_mirrored_are_noticed(write_nifti):
    far = AFFINE.copy()
    far[2, 3] += 500
    mirrored = AFFINE @ np.diag([-1.0, 1, 1, 1])
    mirrored[0, 3] = 9
    files = {
        "near": write_nifti("near.nii", VALUES, AFFINE),
        "far": write_nifti("far.nii", VALUES, far),
        "mirrored": write_nifti("mirrored.nii", VALUES, mirrored),
        "unknown": write_nifti("unknown.nii", VALUES),
    }

    def compared(*names, **settings):
        chosen = Preprocess.model_validate(settings)
        return differences({name: (VolumeSource(files[name]), chosen) for name in names})

    assert compared("near", "near", "unknown") == ""
    assert compared("near", "far") == "'near' and 'far' do not overlap: their centres are 500 mm apart"
    assert compared("near", "mirrored") == "the axes of 'near' point to LAS and those of 'mirrored' to RAS"
    assert compared("near", "mirrored", orientation="RAS") == ""
