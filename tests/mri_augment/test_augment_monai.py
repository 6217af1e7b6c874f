"""Random transforms of MONAI by name, with random numbers from the generator alone."""

import pytest
import torch

from xdistill.errors import SettingsError
from xdistill.types import ModalitySpec
from xdistill_mri.augment import MonaiTransform

transforms = pytest.importorskip("monai.transforms")
PHOTO = {"photo": ModalitySpec("image", (3, 8, 6))}


def augmentation(**settings):
    return MonaiTransform(MonaiTransform.Config.model_validate(settings), modalities=PHOTO)


def test_each_colour_is_scaled_by_itself():
    colour = augmentation(transform="RandScaleIntensity", settings={"factors": 0.3, "prob": 1.0, "channel_wise": True})
    factors = colour({"photo": torch.ones(4, 3, 8, 6)}, torch.Generator().manual_seed(0))["photo"]
    assert factors.std(dim=(2, 3)).max() < 1e-6
    assert len(factors[:, :, 0, 0].unique()) == 12
    assert (factors - 1).abs().max() <= 0.3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"transform": "RandZooms"}, "MONAI has no random transform 'RandZooms'; did you mean 'RandZoom'"),
        ({"transform": "RandZoomd"}, "did you mean 'RandZoom'"),
        ({"transform": "Compose"}, "its names begin with Rand"),
        ({"transform": "RandFlip", "settings": {"probs": 1}}, "RandFlip rejects its settings: .*probs"),
    ],
)
def test_impossible_transforms_are_refused(settings, message):
    with pytest.raises(SettingsError, match=message):
        augmentation(**settings)


def test_a_transform_that_changes_the_size_is_refused():
    crop = augmentation(transform="RandSpatialCrop", settings={"roi_size": [4, 4], "random_size": False})
    with pytest.raises(SettingsError, match=r"makes \[3, 4, 4\] of 'photo', which is \[3, 8, 6\]"):
        crop({"photo": torch.ones(2, 3, 8, 6)}, torch.Generator())
