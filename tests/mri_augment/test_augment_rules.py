"""What holds for every augmentation of volumes."""

import pytest
import torch

from xdistill.errors import SettingsError
from xdistill.types import ModalitySpec
from xdistill_mri.augment import VolumeAffine, VolumeFlip, VolumeIntensity

COHORT = {
    "hbp": ModalitySpec("volume", (1, 4, 6, 6)),
    "clinical": ModalitySpec("vector", (3,)),
    "pre": ModalitySpec("volume", (1, 4, 6, 6)),
    "photo": ModalitySpec("image", (3, 6, 6)),
}
STRONG = [
    (VolumeFlip, {"axes": ["depth", "height", "width"]}),
    (VolumeAffine, {"rotate": 20, "shift": 0.1, "scale": 0.1}),
    (VolumeIntensity, {"scale": 0.1, "shift": 0.1, "noise": 0.1}),
]
ALL = pytest.mark.parametrize(("kind", "settings"), STRONG, ids=lambda value: getattr(value, "name", ""))


def batch():
    generator = torch.Generator().manual_seed(3)
    return {name: torch.randn(5, *spec.shape, generator=generator) for name, spec in COHORT.items()}


def build(kind, **settings):
    return kind(kind.Config(**settings), modalities=COHORT)


@ALL
def test_what_comes_in_stays_as_it_is(kind, settings):
    inputs = batch()
    build(kind, **settings)(inputs, torch.Generator().manual_seed(0))

    assert all(torch.equal(inputs[name], values) for name, values in batch().items())


@ALL
def test_vectors_pass_untouched_and_all_volumes_and_images_change(kind, settings):
    inputs = batch()
    changed = build(kind, **settings)(inputs, torch.Generator().manual_seed(0))

    assert changed["clinical"] is inputs["clinical"]
    assert list(changed) == list(inputs)
    for name in ("hbp", "pre", "photo"):
        assert changed[name].shape == inputs[name].shape
        assert changed[name].dtype == torch.float32
        assert not torch.equal(changed[name], inputs[name])


@ALL
def test_only_the_named_modalities_change(kind, settings):
    inputs = batch()
    changed = build(kind, modalities=["pre"], **settings)(inputs, torch.Generator().manual_seed(0))

    assert changed["hbp"] is inputs["hbp"]
    assert not torch.equal(changed["pre"], inputs["pre"])


@ALL
def test_a_batch_without_one_of_the_modalities_is_no_fault(kind, settings):
    inputs = {"pre": batch()["pre"]}

    assert list(build(kind, **settings)(inputs, torch.Generator().manual_seed(0))) == ["pre"]


@ALL
def test_the_generator_decides_everything(kind, settings):
    augmentation = build(kind, **settings)
    torch.manual_seed(1)
    first = augmentation(batch(), torch.Generator().manual_seed(7))
    torch.manual_seed(2)
    again = augmentation(batch(), torch.Generator().manual_seed(7))
    other = augmentation(batch(), torch.Generator().manual_seed(8))

    assert all(torch.equal(first[name], again[name]) for name in COHORT)
    assert not all(torch.equal(first[name], other[name]) for name in COHORT)


@ALL
def test_the_global_generator_is_left_alone(kind, settings):
    before = torch.get_rng_state()
    build(kind, **settings)(batch(), torch.Generator().manual_seed(7))

    assert torch.equal(torch.get_rng_state(), before)


@ALL
def test_half_precision_stays_half_precision(kind, settings):
    inputs = {name: values.to(torch.bfloat16) for name, values in batch().items()}
    changed = build(kind, **settings)(inputs, torch.Generator().manual_seed(0))

    assert {values.dtype for values in changed.values()} == {torch.bfloat16}


@pytest.mark.parametrize(("kind", "settings"), [(VolumeFlip, {"p": 0}), (VolumeAffine, {}), (VolumeIntensity, {})])
def test_no_strength_changes_nothing(kind, settings):
    inputs = batch()
    changed = build(kind, **settings)(inputs, torch.Generator().manual_seed(0))

    assert all(torch.equal(changed[name], inputs[name]) for name in COHORT)


@ALL
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("art", "unknown modality 'art'; the volumes and images of the cohort are: hbp, pre, photo"),
        ("clinical", "'clinical' is a vector"),
    ],
)
def test_a_modality_that_cannot_be_changed_is_refused(kind, settings, name, message):
    with pytest.raises(SettingsError, match=message) as caught:
        build(kind, modalities=["hbp", name], **settings)
    assert caught.value.field == "modalities"


@ALL
def test_a_cohort_without_volumes_is_refused(kind, settings):
    with pytest.raises(SettingsError, match="neither volumes nor images"):
        kind(kind.Config(**settings), modalities={"clinical": COHORT["clinical"]})
