import numpy as np
import pytest

from xdistill.errors import DataError
from xdistill_mri.preprocess import pipeline
from xdistill_mri.preprocess.pipeline import grids, prepare
from xdistill_mri.preprocess.settings import Preprocess
from xdistill_mri.preprocess.source import VolumeSource


def run(file, settings=None, **source):
    return prepare(VolumeSource(file, **source), Preprocess.model_validate(settings or {}))


def refusal(file, settings, **source):
    with pytest.raises(DataError) as caught:
        run(file, settings, **source)
    return str(caught.value)


def numbered(width, height, depth):
    """Voxel (x, y, z) holds 100 z + 10 y + x."""
    x, y, z = np.meshgrid(np.arange(width), np.arange(height), np.arange(depth), indexing="ij")
    return (100 * z + 10 * y + x).astype(np.float32)


def test_z_y_x_become_depth_height_width(write_nifti):
    volume = run(write_nifti("a.nii.gz", numbered(2, 3, 4), np.eye(4)))
    assert volume.shape == (1, 4, 3, 2)
    assert volume.dtype == np.float32
    assert volume.flags.c_contiguous
    assert volume[0, 3, 2, 1] == 321


def test_arrays_and_nifti_files_of_one_image_agree(write_nifti, write_array):
    values = numbered(2, 3, 4)
    from_nifti = run(write_nifti("a.nii", values, np.eye(4)))
    np.testing.assert_array_equal(run(write_array("a.npy", values.transpose(2, 1, 0))), from_nifti)


def test_orientation_flips_and_permutes_the_axes(write_nifti):
    # Stored x runs to the left, stored y to the head, stored z to the front.
    affine = [[-1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]]
    volume = run(write_nifti("a.nii", numbered(2, 3, 4), affine), {"orientation": "RAS"})
    assert volume.shape == (1, 3, 4, 2)
    # depth = stored y, height = stored z, width = stored x backwards
    assert volume[0, 2, 3, 0] == 100 * 3 + 10 * 2 + 1
    assert volume[0, 0, 0, 1] == 0


def test_resampling_a_ramp_gives_the_ramp_between_its_voxels(write_nifti):
    ramp = np.broadcast_to(np.arange(9, dtype=np.float32), (3, 3, 9)).copy()
    file = write_nifti("a.nii", ramp, np.diag([1.0, 1.0, 2.0, 1.0]))
    finer = run(file, {"spacing": [1, 1, 1]})
    assert finer.shape == (1, 17, 3, 3)
    np.testing.assert_allclose(finer[0, :, 1, 1], np.arange(17) / 2, atol=1e-6)
    coarser = run(file, {"spacing": [4, 1, 1]})
    np.testing.assert_allclose(coarser[0, :, 1, 1], [0, 2, 4, 6, 8], atol=1e-6)


@pytest.mark.parametrize(("interpolation", "between"), [("nearest", {0.0, 8.0}), ("linear", {4.0}), ("cubic", {4.0})])
def test_interpolation_says_what_lies_between_voxels(write_array, interpolation, between):
    step = np.zeros((6, 3, 3), np.float32)
    step[3:] = 8
    settings = {"spacing_of_arrays": [2, 1, 1], "spacing": [1, 1, 1], "interpolation": interpolation}
    middle = run(write_array("a.npy", step), settings)[0, 5, 1, 1]
    assert min(abs(middle - value) for value in between) < 1e-5


def test_depth_comes_first_in_a_spacing(write_array):
    values = np.zeros((5, 5, 5), np.float32)
    settings = {"spacing_of_arrays": [4, 2, 1], "spacing": [2, 2, 2]}
    assert run(write_array("a.npy", values), settings).shape == (1, 9, 5, 3)


def test_a_box_is_cut_out(write_nifti):
    file = write_nifti("a.nii", numbered(6, 6, 6))
    box = {"depth": [1, 3], "height": [2, 5], "width": [0, 6]}
    volume = run(file, {"crop": {"box": box}}, box=((1, 3), (2, 5), (0, 6)))
    assert volume.shape == (1, 2, 3, 6)
    assert (volume[0, 0, 0, 0], volume[0, 1, 2, 5]) == (120, 245)


def test_a_box_outside_the_volume_is_refused(write_nifti):
    file = write_nifti("a.nii", numbered(6, 6, 6))
    box = {"depth": [1, 3], "height": [2, 7], "width": [0, 6]}
    said = refusal(file, {"crop": {"box": box}}, box=((1, 3), (2, 7), (0, 6)))
    assert "the crop box is [2, 7] along height" in said
    assert "within 0 to 6" in said
    assert "[3, 3] along depth" in refusal(file, {"crop": {"box": box}}, box=((3, 3), (2, 5), (0, 6)))


def test_a_box_has_a_margin_too(write_nifti):
    file = write_nifti("a.nii", numbered(9, 9, 9), np.diag([2.5, 2.5, 5.0, 1.0]))
    box = {"depth": [4, 5], "height": [4, 5], "width": [0, 2]}
    # 5 mm are exactly 2 voxels of 2.5 mm and 1 of 5 mm; the first columns are at the edge.
    volume = run(file, {"crop": {"box": box, "margin": 5}}, box=((4, 5), (4, 5), (0, 2)))
    assert volume.shape == (1, 3, 5, 4)
    assert volume[0, 0, 0, 0] == 320


@pytest.mark.parametrize("spacing", [0.1, 0.7, 1.1])
def test_margins_that_are_whole_voxels_stay_so_whatever_the_header_rounds(write_nifti, spacing):
    file = write_nifti("a.nii", numbered(11, 11, 11), np.diag([spacing, spacing, spacing, 1.0]))
    box = {"depth": [5, 6], "height": [5, 6], "width": [5, 6]}
    volume = run(file, {"crop": {"box": box, "margin": 3 * spacing}}, box=((5, 6), (5, 6), (5, 6)))
    assert volume.shape == (1, 7, 7, 7)


def test_an_oblique_volume_is_resampled_along_its_own_axes(write_nifti):
    cosine, sine = np.cos(0.5), np.sin(0.5)
    affine = np.eye(4)
    affine[:2, :2] = [[cosine, -sine], [sine, cosine]]
    affine[:3, :3] *= [2, 2, 4]
    ramp = np.broadcast_to(np.arange(8, dtype=np.float32)[:, None, None], (8, 5, 5)).copy()
    volume = run(write_nifti("a.nii", ramp, affine), {"spacing": [4, 2, 1]})
    assert volume.shape == (1, 5, 5, 15)
    np.testing.assert_allclose(volume[0, 2, 2], np.arange(15) / 2, atol=1e-5)


@pytest.mark.parametrize("orientation", [None, "RAS", "LPI", "SAR"])
def test_resampling_the_center_alone_changes_nothing(write_nifti, monkeypatch, orientation):
    affine = np.array([[-1.2, 0.3, 0, 7], [0.3, 1.2, 0, -4], [0, 0, 2.5, 9], [0, 0, 0, 1]])
    values = np.random.default_rng(0).normal(size=(20, 23, 14)).astype(np.float32)
    source = VolumeSource(write_nifti("a.nii", values, affine))
    settings = {"orientation": orientation, "spacing": [3, 1.5, 1.5], "size": [9, 11, 8], "fit": "pad_or_crop"}
    settings = Preprocess.model_validate(settings)
    once, (_, grid) = prepare(source, settings), grids(source, settings)
    monkeypatch.setattr(pipeline, "_center", lambda _: None)
    stepwise, (_, same) = prepare(source, settings), grids(source, settings)
    np.testing.assert_array_equal(once, stepwise)
    np.testing.assert_allclose(grid.affine, same.affine, atol=1e-9)


def test_what_is_smaller_than_the_result_is_padded_after_resampling(write_nifti):
    file = write_nifti("a.nii", numbered(4, 4, 4) + 7, np.eye(4))
    volume = run(file, {"spacing": [1, 1, 1], "size": [6, 4, 2], "fit": "pad_or_crop"})
    assert volume.shape == (1, 6, 4, 2)
    assert volume.min() == volume[0, 0, 0, 0] == 7  # the smallest value of the whole volume, which is cropped away


def test_the_center_is_cut_out(write_nifti):
    file = write_nifti("a.nii", numbered(6, 6, 7))
    volume = run(file, {"crop": {"center": [3, 2, 4]}})
    assert volume.shape == (1, 3, 2, 4)
    assert volume[0, 0, 0, 0] == 221
    assert "the center crop [8, 2, 2] is larger than the volume [7, 6, 6]" in refusal(
        file, {"crop": {"center": [8, 2, 2]}}
    )


@pytest.fixture
def organ(write_nifti):
    """An image and a mask whose label 5 fills x 8 to 9, y 7, z 4 to 5; label 2 lies elsewhere; voxels 1 x 2 x 3 mm."""
    mask = np.zeros((20, 15, 10), np.uint8)
    mask[8:10, 7, 4:6] = 5
    mask[0, 0, 0] = 2
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    return write_nifti("image.nii.gz", numbered(20, 15, 10), affine), write_nifti("mask.nii.gz", mask, affine)


def test_a_mask_is_cut_out_with_a_margin_in_millimetres(organ):
    image, mask = organ
    settings = {"crop": {"mask": "organ", "labels": [5], "margin": 4}}
    volume = run(image, settings, mask=mask)
    # 4 mm are 4 voxels of 1 mm, 2 of 2 mm, and 2 of 3 mm, since a part counts as a whole.
    assert volume.shape == (1, 2 + 2 * 2, 1 + 2 * 2, 2 + 2 * 4)
    assert volume[0, 0, 0, 0] == 100 * (4 - 2) + 10 * (7 - 2) + (8 - 4)


def test_a_margin_in_voxels_needs_no_spacing(write_nifti, write_array):
    image = write_nifti("image.nii", numbered(9, 9, 9))
    mask = np.zeros((9, 9, 9), np.uint8)
    mask[4, 4, 4] = 1
    settings = {"crop": {"mask": "organ", "margin_voxels": 1}}
    volume = run(image, settings, mask=write_array("mask.npy", mask))
    assert volume.shape == (1, 3, 3, 3)
    assert volume[0, 1, 1, 1] == 444


def test_margins_end_at_the_edge_of_the_volume(organ):
    image, mask = organ
    volume = run(image, {"crop": {"mask": "organ", "labels": 5, "margin": 1000}}, mask=mask)
    assert volume.shape == (1, 10, 15, 20)


def test_the_mask_moves_with_the_image(organ):
    image, mask = organ
    settings = {"orientation": "LAS", "spacing": [3, 2, 2], "crop": {"mask": "organ", "labels": [5]}}
    volume = run(image, settings, mask=mask)
    assert volume.shape[1:3] == (2, 1)
    assert 470 <= volume[0, 0, 0, 0] <= 480


def test_without_labels_everything_but_zero_counts(organ):
    image, mask = organ
    assert run(image, {"crop": {"mask": "organ"}}, mask=mask).shape == (1, 6, 8, 10)


def test_an_empty_mask_is_refused_with_what_it_holds(organ):
    image, mask = organ
    said = refusal(image, {"crop": {"mask": "organ", "labels": [7, 8]}}, mask=mask)
    assert str(mask) in said
    assert "no voxel of the mask is 7 or 8; it holds 0, 2, 5" in said


def test_a_mask_on_another_grid_is_refused(organ, write_nifti):
    image, _ = organ
    settings = {"crop": {"mask": "organ"}}
    small = write_nifti("small.nii", np.ones((20, 15, 9), np.uint8), np.diag([1.0, 2.0, 3.0, 1.0]))
    said = refusal(image, settings, mask=small)
    assert "the mask has the shape [9, 15, 20]" in said
    assert "has [10, 15, 20]" in said
    moved = np.diag([1.0, 2.0, 3.0, 1.0])
    moved[0, 3] = 5
    elsewhere = write_nifti("elsewhere.nii", np.ones((20, 15, 10), np.uint8), moved)
    assert "the spatial transform of the mask differs" in refusal(image, settings, mask=elsewhere)


def test_a_mask_with_nan_is_refused(organ, write_nifti):
    image, _ = organ
    mask = write_nifti("nan.nii", np.full((20, 15, 10), np.nan, np.float32), np.diag([1.0, 2.0, 3.0, 1.0]))
    assert "the mask has NaN" in refusal(image, {"crop": {"mask": "organ"}}, mask=mask)


@pytest.mark.parametrize(
    "settings",
    [
        {"spacing": [1, 1, 1]},
        {"orientation": "RAS"},
        {"crop": {"box": {"depth": [1, 2], "height": [1, 2], "width": [1, 2]}, "margin": 3}},
    ],
)
def test_what_needs_a_spacing_is_refused_where_none_is_known(write_nifti, settings):
    file = write_nifti("a.nii.gz", numbered(4, 4, 4))
    said = refusal(file, settings, box=((1, 2), (1, 2), (1, 2)))
    assert str(file) in said
    assert "has no spatial transform (its sform and qform codes are 0) and none is invented" in said


def test_without_such_settings_the_file_is_used_as_it_is(write_nifti):
    values = numbered(4, 5, 6)
    np.testing.assert_array_equal(run(write_nifti("a.nii.gz", values))[0], values.transpose(2, 1, 0))


def test_arrays_say_neither_spacing_nor_orientation(write_array):
    file = write_array("a.npy", numbered(4, 4, 4))
    assert "set `spacing_of_arrays`" in refusal(file, {"spacing": [1, 1, 1]})
    assert "set `spacing_of_arrays`" in refusal(file, {"orientation": "RAS"})
    said = refusal(file, {"orientation": "RAS", "spacing_of_arrays": [1, 1, 1]})
    assert "arrays do not state it" in said


def test_resizing_by_two_takes_the_mean_of_pairs(write_nifti):
    file = write_nifti("a.nii", numbered(4, 4, 4))
    for fit in ("linear", "area"):
        volume = run(file, {"size": [2, 2, 2], "fit": fit})
        assert volume.shape == (1, 2, 2, 2)
        np.testing.assert_allclose(volume[0, 0, 0], [55.5, 57.5])
        np.testing.assert_allclose(volume[0, 1, 1, 1], 277.5)


def test_sizes_are_depth_height_width(write_nifti):
    file = write_nifti("a.nii", numbered(4, 4, 4))
    assert run(file, {"size": [3, 5, 7]}).shape == (1, 3, 5, 7)
    assert run(file, {"size": [3, 5, 7], "fit": "pad_or_crop"}).shape == (1, 3, 5, 7)
    assert run(file, {"size": [3, 5, 7], "fit": "nearest"}).shape == (1, 3, 5, 7)


def test_padding_takes_the_smallest_value_and_cropping_the_middle(write_nifti):
    file = write_nifti("a.nii", numbered(4, 4, 4) + 7)
    volume = run(file, {"size": [2, 4, 6], "fit": "pad_or_crop"})
    np.testing.assert_array_equal(volume[0, 0, 0], [7, 107, 108, 109, 110, 7])


def test_steps_follow_their_order(write_nifti):
    """Oriented, resampled, cropped, resized, clipped, standardised."""
    rng = np.random.default_rng(0)
    file = write_nifti("a.nii.gz", rng.normal(size=(12, 10, 8)), np.diag([-1.0, 1.0, 2.0, 1.0]), dtype=np.float32)
    settings = {
        "orientation": "RAS",
        "spacing": [1, 1, 1],
        "crop": {"center": [10, 8, 8]},
        "size": [5, 4, 4],
        "clip": [5, 95],
        "zscore": True,
    }
    volume = run(file, settings)
    assert volume.shape == (1, 5, 4, 4)
    np.testing.assert_allclose([volume.mean(), volume.std()], [0, 1], atol=1e-5)
    assert (volume == volume.max()).sum() >= 4


@pytest.mark.parametrize(("interpolation", "mode"), [("linear", "bilinear"), ("cubic", 3)])
def test_resampling_agrees_with_monai(write_nifti, interpolation, mode):
    transforms, data = pytest.importorskip("monai.transforms"), pytest.importorskip("monai.data")
    values = np.random.default_rng(0).normal(size=(20, 23, 14)).astype(np.float32)
    affine = np.diag([-1.2, 1.3, 2.5, 1.0])
    spacing = transforms.Spacing((1.5, 1.5, 3.0), mode=mode, padding_mode="border" if mode == "bilinear" else "nearest")
    expected = spacing(data.MetaTensor(values[None], affine=affine))
    settings = {"spacing": [3, 1.5, 1.5], "interpolation": interpolation}
    found = run(write_nifti("a.nii", values, affine), settings)
    np.testing.assert_allclose(found[0], expected[0].numpy().transpose(2, 1, 0), atol=1e-5)
