import contextlib
import gzip
import sys
import warnings

import numpy as np
import pytest

from xdistill.errors import DataError, UserError
from xdistill_mri.preprocess.read import read_volume

RAMP = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
DIAGONAL = np.diag([2.0, 3.0, 4.0, 1.0])


def refusal(file, **settings):
    with pytest.raises(DataError) as caught:
        read_volume(file, **settings)
    assert str(file) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "A.NII.GZ"])
def test_nifti_keeps_axes_values_and_transform(write_nifti, name):
    volume = read_volume(write_nifti(name, RAMP, DIAGONAL))
    np.testing.assert_array_equal(volume.values, RAMP)
    assert volume.values.dtype == np.float32
    assert volume.shape == (4, 3, 2)
    assert volume.oriented
    np.testing.assert_allclose(volume.spacing("this"), [2, 3, 4])


def test_the_second_version_of_nifti_is_read(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    nibabel.save(nibabel.Nifti2Image(RAMP, DIAGONAL), tmp_path / "two.nii.gz")
    np.testing.assert_array_equal(read_volume(tmp_path / "two.nii.gz").values, RAMP)


def test_a_long_extension_of_the_header_is_no_damage(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    image = nibabel.Nifti1Image(RAMP, DIAGONAL)
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"x" * 5000))
    nibabel.save(image, tmp_path / "long.nii.gz")
    np.testing.assert_array_equal(read_volume(tmp_path / "long.nii.gz").values, RAMP)


def test_scaled_integers_are_scaled_back(write_nifti):
    volume = read_volume(write_nifti("a.nii.gz", RAMP / 10, DIAGONAL, dtype=np.int16))
    np.testing.assert_allclose(volume.values, RAMP / 10, atol=1e-4)


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1.0), ("unknown", 1.0), ("meter", 1000.0), ("micron", 0.001)])
def test_units_become_millimetres(write_nifti, unit, factor):
    volume = read_volume(write_nifti("a.nii", RAMP, DIAGONAL, unit=unit))
    np.testing.assert_allclose(volume.spacing("this"), np.array([2, 3, 4]) * factor)


def test_no_spacing_is_invented_for_a_file_without_transform(write_nifti):
    volume = read_volume(write_nifti("a.nii.gz", RAMP), spacing_of_arrays=(1.0, 1.0, 1.0))
    assert volume.affine is None
    with pytest.raises(DataError, match="sform and qform codes are 0") as caught:
        volume.spacing("spacing [1, 1, 1]")
    assert "none is invented" in str(caught.value)
    assert "margin_voxels" in str(caught.value)


def test_a_series_of_one_volume_is_a_volume(write_nifti):
    assert read_volume(write_nifti("a.nii", RAMP[..., None, None], DIAGONAL)).shape == (4, 3, 2)


def test_arrays_are_depth_height_width(write_array):
    volume = read_volume(write_array("a.npy", RAMP), spacing_of_arrays=(5.0, 1.0, 0.5))
    assert volume.shape == (2, 3, 4)
    np.testing.assert_array_equal(volume.values.transpose(2, 1, 0), RAMP)
    np.testing.assert_allclose(volume.spacing("this"), [0.5, 1.0, 5.0])
    assert not volume.oriented


def test_arrays_have_no_spacing_of_their_own(write_array):
    volume = read_volume(write_array("a.npy", RAMP))
    with pytest.raises(DataError, match="set `spacing_of_arrays`"):
        volume.spacing("spacing [1, 1, 1]")


def test_an_npz_file_holds_one_array_or_the_settings_name_it(tmp_path):
    np.savez(tmp_path / "one.npz", image=RAMP)
    np.savez_compressed(tmp_path / "two.npz", image=RAMP, other=RAMP + 1)
    np.testing.assert_array_equal(read_volume(tmp_path / "one.npz").values.transpose(2, 1, 0), RAMP)
    chosen = read_volume(tmp_path / "two.npz", array="other")
    np.testing.assert_array_equal(chosen.values.transpose(2, 1, 0), RAMP + 1)
    assert "holds 2 arrays (image, other)" in refusal(tmp_path / "two.npz")
    assert "no array 'imag'; it holds image, other" in refusal(tmp_path / "two.npz", array="imag")


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.npy", "a.npz"])
@pytest.mark.parametrize("keep", [0, 3, 100, 400, 0.5, -1])
def test_truncated_files_are_refused(tmp_path, write_nifti, name, keep):
    values = np.random.default_rng(0).normal(size=(8, 9, 10)).astype(np.float32)
    file = tmp_path / name
    if name.startswith("a.nii"):
        write_nifti(name, values, DIAGONAL)
    elif name == "a.npy":
        np.save(file, values)
    else:
        np.savez(file, values)
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * keep) if isinstance(keep, float) else keep])
    assert "is damaged or " in refusal(file)


def test_one_flipped_bit_in_a_compressed_file_is_noticed(write_nifti):
    file = write_nifti("a.nii.gz", np.random.default_rng(0).normal(size=(8, 9, 10)).astype(np.float32), DIAGONAL)
    whole = bytearray(gzip.decompress(file.read_bytes()))
    whole[-1] ^= 1
    flipped = gzip.compress(bytes(whole))
    file.write_bytes(flipped[:-8] + file.read_bytes()[-8:])  # the checksum of what was written before the flip
    assert "is damaged or not a .nii.gz file (CRC check failed" in refusal(file)


def test_a_header_that_promises_too_much_is_refused_before_memory_is_asked_for(write_nifti):
    file = write_nifti("a.nii", RAMP, DIAGONAL)
    content = bytearray(file.read_bytes())
    content[42:48] = (30000).to_bytes(2, "little") * 3
    file.write_bytes(content)
    assert "states 108000000000000 bytes of voxels, but it holds 96" in refusal(file)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.npy", "a.npz"])
def test_whatever_bytes_are_damaged_the_file_is_read_or_refused(tmp_path, write_nifti, name, caplog):
    file = tmp_path / name
    if name.startswith("a.nii"):
        write_nifti(name, RAMP, DIAGONAL)
    elif name == "a.npy":
        np.save(file, RAMP)
    else:
        np.savez(file, RAMP)
    whole = file.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(150):
        content = bytearray(whole)
        for place in rng.integers(len(content), size=3):
            content[place] = rng.integers(256)
        file.write_bytes(content)
        with warnings.catch_warnings(), contextlib.suppress(DataError):
            warnings.simplefilter("ignore")
            read_volume(file)
    assert not caplog.records


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.npy", "a.npz"])
def test_other_content_under_a_volume_name_is_refused(tmp_path, name):
    (tmp_path / name).write_text("this is no volume\n" * 100)
    assert "is damaged or not a " in refusal(tmp_path / name)


def test_a_missing_file_is_named(tmp_path):
    assert "no such file" in refusal(tmp_path / "none.nii")


def test_python_objects_are_never_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert "Python objects, which are never loaded" in refusal(tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("values", "part"),
    [
        (np.zeros((4, 5)), "holds 2 dimensions (4 x 5); a 3-D volume is needed"),
        (np.zeros((2, 3, 4, 5)), "holds 4 dimensions (2 x 3 x 4 x 5); a 3-D volume is needed"),
        (np.zeros((2, 3, 4), dtype=complex), "complex128"),
        (np.zeros((0, 3, 4)), "holds no voxel (0 x 3 x 4)"),
        (np.array(3.0), "holds 0 dimensions (a single number)"),
        (np.full((2, 2, 2), "a"), "<U1"),
    ],
)
def test_arrays_that_are_no_volume_are_refused(write_array, values, part):
    assert part in refusal(write_array("a.npy", values))


def test_nifti_series_and_colour_images_are_refused(write_nifti):
    series = write_nifti("series.nii.gz", np.zeros((2, 3, 4, 5), np.float32), DIAGONAL)
    assert "holds 4 dimensions (2 x 3 x 4 x 5)" in refusal(series)
    colour = np.zeros((2, 3, 4), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    assert "not grey values" in refusal(write_nifti("colour.nii.gz", colour, DIAGONAL))


def test_a_singular_transform_is_refused(write_nifti):
    file = write_nifti("a.nii", RAMP, DIAGONAL)
    content = bytearray(file.read_bytes())
    content[280:296] = bytes(16)  # the first row of the sform
    file.write_bytes(content)
    assert "singular" in refusal(file)


def test_a_library_that_is_not_installed_is_named_with_the_remedy(monkeypatch):
    from xdistill_mri.preprocess.extra import require

    monkeypatch.setitem(sys.modules, "nibabel", None)
    with pytest.raises(UserError, match="nibabel") as caught:
        require("nibabel")
    assert "pip install 'xdistill[mri]'" in str(caught.value)
