import pytest
import torch

from xdistill.types import ModalitySpec
from xdistill_mri.augment import VolumeAffine
from xdistill_mri.augment.affine import move

VOLUME = ModalitySpec("volume", (1, 3, 5, 5))


def augmentation(**settings):
    return VolumeAffine(VolumeAffine.Config(**settings), modalities={"hbp": VOLUME, "pre": VOLUME})


def moved(values, degrees=0.0, down=0.0, right=0.0, factor=1.0):
    batch = len(values)
    return move(
        values,
        torch.full((batch,), degrees),
        torch.tensor([[down, right]]).expand(batch, 2),
        torch.full((batch,), factor),
    )


@pytest.mark.parametrize(("degrees", "turns"), [(90.0, 1), (-90.0, -1), (180.0, 2)])
def test_quarter_turns_are_exact(degrees, turns):
    values = torch.randn(2, 1, 3, 6, 6)

    torch.testing.assert_close(moved(values, degrees=degrees), values.rot90(turns, (-2, -1)), atol=1e-5, rtol=0)


def test_a_quarter_turn_of_an_oblong_slice_stays_a_turn():
    """A bar of three voxels across the middle stands upright afterwards, not stretched to the height."""
    values = torch.zeros(1, 1, 1, 5, 9)
    values[..., 2, 3:6] = 1
    upright = torch.zeros(1, 1, 1, 5, 9)
    upright[..., 1:4, 4] = 1

    torch.testing.assert_close(moved(values, degrees=90.0), upright, atol=1e-5, rtol=0)


def test_shifts_move_down_and_right_by_whole_voxels_and_repeat_the_border():
    values = torch.arange(20.0).reshape(1, 1, 1, 4, 5)

    lower = moved(values, down=0.25)[0, 0, 0]
    right = moved(values, right=0.4)[0, 0, 0]

    torch.testing.assert_close(lower, values[0, 0, 0][[0, 0, 1, 2]], atol=1e-5, rtol=0)
    torch.testing.assert_close(right, values[0, 0, 0][:, [0, 0, 0, 1, 2]], atol=1e-5, rtol=0)


def test_half_a_voxel_is_interpolated():
    values = torch.tensor([0.0, 2.0, 6.0, 6.0]).reshape(1, 1, 1, 1, 4)

    torch.testing.assert_close(moved(values, right=0.125).flatten(), torch.tensor([0.0, 1.0, 4.0, 6.0]))


def test_a_factor_of_two_enlarges_the_middle():
    values = torch.arange(4.0).reshape(1, 1, 1, 1, 4).expand(1, 1, 1, 4, 4).contiguous()

    # Voxel centres at -1.5, -0.5, 0.5, 1.5 from the middle are read at half that.
    torch.testing.assert_close(moved(values, factor=2.0)[0, 0, 0, 0], torch.tensor([0.75, 1.25, 1.75, 2.25]))


def test_a_turn_comes_before_the_shift():
    values = torch.zeros(1, 1, 1, 5, 5)
    values[..., 2, 4] = 1  # right of the middle; turned, it is above; shifted right, above and right
    result = moved(values, degrees=90.0, right=0.2)[0, 0, 0]

    assert result.argmax().item() == 0 * 5 + 3


def test_slices_do_not_mix():
    values = torch.zeros(1, 1, 3, 5, 5)
    values[:, :, 1] = 1

    assert moved(values, degrees=33.0, down=0.1, factor=1.2)[0, 0, :, 2, 2].tolist() == pytest.approx([0, 1, 0])


def test_images_and_several_channels_move_alike():
    values = torch.randn(2, 3, 6, 6)

    torch.testing.assert_close(moved(values, degrees=90.0), values.rot90(1, (-2, -1)), atol=1e-5, rtol=0)


def test_channels_last_memory_gives_the_same():
    values = torch.randn(2, 2, 3, 5, 5)
    other = values.contiguous(memory_format=torch.channels_last_3d)

    assert torch.equal(moved(values, degrees=20.0), moved(other, degrees=20.0))


def test_every_subject_and_phase_moves_by_itself_unless_asked():
    volume = torch.randn(1, 1, 3, 5, 5).expand(4, -1, -1, -1, -1)
    inputs = {"hbp": volume, "pre": volume}

    apart = augmentation(rotate=30)(inputs, torch.Generator().manual_seed(1))
    together = augmentation(rotate=30, together=True)(inputs, torch.Generator().manual_seed(1))

    assert not torch.allclose(apart["hbp"], apart["pre"])
    assert torch.equal(together["hbp"], together["pre"])
    assert not torch.allclose(together["hbp"][0], together["hbp"][1])


def test_strengths_are_the_largest_drawn():
    generator = torch.Generator().manual_seed(0)
    degrees, shift, factor = augmentation(rotate=10, shift=0.1, scale=0.2)._draw(4000, generator)

    for drawn, low, high in ((degrees, -10, 10), (shift, -0.1, 0.1), (factor, 0.8, 1.2)):
        assert low <= drawn.min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < drawn.max() <= high
