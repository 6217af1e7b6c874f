import pytest
import torch
from pydantic import ValidationError

from xdistill.errors import SettingsError
from xdistill.types import ModalitySpec
from xdistill_mri.augment import VolumeFlip
from xdistill_mri.augment.flip import flip

VOLUME = ModalitySpec("volume", (1, 2, 2, 3))
IMAGE = ModalitySpec("image", (1, 2, 3))


def counting(*shape):
    return torch.arange(torch.Size(shape).numel(), dtype=torch.float32).reshape(shape)


def augmentation(modalities=None, **settings):
    return VolumeFlip(VolumeFlip.Config(**settings), modalities=modalities or {"hbp": VOLUME, "pre": VOLUME})


@pytest.mark.parametrize(
    ("axis", "expected"),
    [
        ("depth", [[[6, 7, 8], [9, 10, 11]], [[0, 1, 2], [3, 4, 5]]]),
        ("height", [[[3, 4, 5], [0, 1, 2]], [[9, 10, 11], [6, 7, 8]]]),
        ("width", [[[2, 1, 0], [5, 4, 3]], [[8, 7, 6], [11, 10, 9]]]),
    ],
)
def test_a_probability_of_one_mirrors_exactly(axis, expected):
    changed = augmentation(axes=[axis], p=1)({"hbp": counting(1, 1, 2, 2, 3)}, torch.Generator())

    assert changed["hbp"][0, 0].tolist() == expected


def test_two_axes_are_mirrored_one_after_the_other():
    changed = augmentation(axes=["height", "width"], p=1)({"hbp": counting(1, 1, 2, 2, 3)}, torch.Generator())

    assert changed["hbp"][0, 0, 0].tolist() == [[5, 4, 3], [2, 1, 0]]


def test_only_the_chosen_subjects_are_mirrored():
    values = counting(2, 1, 1, 1, 3)

    assert flip(values, torch.tensor([False, True]), "width").flatten().tolist() == [0, 1, 2, 5, 4, 3]


def test_images_are_mirrored_too_and_have_no_depth():
    changed = augmentation({"photo": IMAGE, "hbp": VOLUME}, axes=["depth", "width"], p=1)(
        {"photo": counting(1, 1, 2, 3), "hbp": counting(1, 1, 2, 2, 3)}, torch.Generator()
    )

    assert changed["photo"][0, 0].tolist() == [[2, 1, 0], [5, 4, 3]]
    assert changed["hbp"][0, 0, 0, 0].tolist() == [8, 7, 6]


def test_depth_alone_makes_no_sense_for_images():
    with pytest.raises(SettingsError, match="no depth") as caught:
        augmentation({"photo": IMAGE}, axes=["depth"])
    assert caught.value.field == "axes"


def mirrored(values):
    """Which subjects were mirrored, of volumes that rise along the width."""
    return (values[:, 0, 0, 0, 0] > values[:, 0, 0, 0, -1]).tolist()


def test_phases_are_mirrored_independently_unless_asked():
    inputs = {name: counting(1, 1, 2, 2, 3).expand(64, -1, -1, -1, -1) for name in ("hbp", "pre")}

    apart = augmentation(axes=["width"])(inputs, torch.Generator().manual_seed(0))
    together = augmentation(axes=["width"], together=True)(inputs, torch.Generator().manual_seed(0))

    assert mirrored(apart["hbp"]) != mirrored(apart["pre"])
    assert mirrored(together["hbp"]) == mirrored(together["pre"])
    assert 16 < sum(mirrored(together["hbp"])) < 48


@pytest.mark.parametrize("settings", [{"axes": []}, {"axes": ["up"]}, {"p": 1.5}])
def test_settings_without_sense_are_refused(settings):
    with pytest.raises(ValidationError):
        VolumeFlip.Config(**settings)
