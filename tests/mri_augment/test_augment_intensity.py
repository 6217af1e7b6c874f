import pytest
import torch

from xdistill.types import ModalitySpec
from xdistill_mri.augment import VolumeIntensity

VOLUME = ModalitySpec("volume", (1, 8, 8, 8))


def augmentation(**settings):
    return VolumeIntensity(VolumeIntensity.Config(**settings), modalities={"hbp": VOLUME, "pre": VOLUME})


def test_scale_and_shift_are_one_line_through_all_voxels_of_a_volume():
    values = torch.randn(3, 1, 8, 8, 8)
    changed = augmentation(scale=0.2, shift=0.5)({"hbp": values}, torch.Generator().manual_seed(0))["hbp"]

    lines = set()
    for before, after in zip(values.flatten(1), changed.flatten(1), strict=True):
        slope = (after[1] - after[0]) / (before[1] - before[0])
        shift = after[0] - slope * before[0]
        torch.testing.assert_close(after, slope * before + shift, atol=1e-4, rtol=0)
        assert 0.8 <= slope <= 1.2
        assert -0.5 <= shift <= 0.5
        lines.add((round(slope.item(), 4), round(shift.item(), 4)))
    assert len(lines) == 3


def test_noise_has_the_standard_deviation_asked_for():
    values = torch.randn(8, 1, 8, 8, 8)
    noise = augmentation(noise=0.3)({"hbp": values}, torch.Generator().manual_seed(0))["hbp"] - values

    assert noise.std().item() == pytest.approx(0.3, rel=0.05)
    assert noise.mean().item() == pytest.approx(0, abs=0.02)


def test_phases_change_by_themselves():
    values = torch.randn(2, 1, 8, 8, 8)
    changed = augmentation(shift=0.5)({"hbp": values, "pre": values}, torch.Generator().manual_seed(0))

    assert not torch.allclose(changed["hbp"], changed["pre"])


def test_an_absent_volume_stays_absent():
    values = torch.randn(2, 1, 8, 8, 8)
    values[1] = 0
    changed = augmentation(scale=0.1, shift=0.5, noise=0.1)({"hbp": values}, torch.Generator())["hbp"]

    assert not changed[1].any()
    assert changed[0].all()
