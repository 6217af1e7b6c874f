from types import SimpleNamespace

import numpy as np
import pytest
import torch

from xdistill.interfaces import Augmentation
from xdistill.training.loader import TrainingBatches, augmentation_device, channels_last, epoch_keys
from xdistill.types import Batch


def rows_of(keys):
    return [list(key.rows) for key in keys]


def test_an_epoch_holds_every_subject_once():
    keys = epoch_keys(np.arange(20), batch_size=8, drop_last=False, seed=3)
    assert [len(rows) for rows in rows_of(keys)] == [8, 8, 4]
    assert sorted(row for rows in rows_of(keys) for row in rows) == list(range(20))


def test_the_order_depends_on_the_seed_alone():
    first, again, other = (
        rows_of(epoch_keys(np.arange(20), batch_size=8, drop_last=False, seed=seed)) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("subjects", "drop_last", "sizes"),
    [
        (17, False, [8, 9]),  # a single left-over subject joins the batch before it
        (17, True, [8, 8]),
        (16, True, [8, 8]),
        (18, True, [8, 8]),
        (18, False, [8, 8, 2]),
        (1, False, [1]),
        (5, True, [5]),  # nothing would be left
    ],
)
def test_the_last_batch(subjects, drop_last, sizes):
    keys = epoch_keys(np.arange(subjects), batch_size=8, drop_last=drop_last, seed=0)
    assert [len(key.rows) for key in keys] == sizes


def test_batches_draw_their_augmentation_apart():
    keys = epoch_keys(np.arange(20), batch_size=8, drop_last=False, seed=3)
    assert len({key.seed for key in keys}) == 3


def test_channels_last_says_so_with_a_single_channel_too():
    """Convolutions look at the strides; with one channel `contiguous` would leave them as they are."""
    volume = torch.arange(48.0).reshape(2, 1, 2, 3, 4)
    moved = channels_last(volume)
    assert moved.stride() == (24, 1, 12, 4, 1)
    assert torch.equal(moved, volume)
    convolution = torch.nn.Conv3d(1, 4, 3, padding=1)
    convolution.weight.data = channels_last(convolution.weight.data)
    assert convolution(moved).is_contiguous(memory_format=torch.channels_last_3d)


def test_channels_last_touches_images_only():
    assert channels_last(torch.zeros(2, 3, 4, 5, 6)).is_contiguous(memory_format=torch.channels_last_3d)
    assert channels_last(torch.zeros(2, 3, 4, 5)).is_contiguous(memory_format=torch.channels_last)
    vector = torch.zeros(2, 3)
    assert channels_last(vector) is vector


class OnProcessors(Augmentation):
    """Does nothing."""

    name = "on_processors"

    def __call__(self, inputs, generator):
        return inputs


class Anywhere(OnProcessors):
    """Says that it works on any device."""

    on_device = True


def test_batches_are_changed_where_steps_compute_if_all_augmentations_can():
    device = torch.device("cuda", 1)
    able, unable = (kind(kind.Config(), modalities={}) for kind in (Anywhere, OnProcessors))
    assert augmentation_device([able, able], device, workers=0) == device
    assert augmentation_device([], device, workers=0) == device
    assert augmentation_device([able, unable], device, workers=0) == torch.device("cpu")
    assert augmentation_device([able], device, workers=2) == torch.device("cpu")


class Noise(OnProcessors):
    """Adds one to everything, also where nothing is."""

    def __call__(self, inputs, generator):
        return {name: value + 1 for name, value in inputs.items()}


def test_what_a_subject_does_not_have_stays_zero_when_augmented():
    """Images and vectors; what was filled in, such as imputed columns, is augmented like measured values."""
    inputs = {"scan": torch.tensor([5.0, 0.0]).reshape(2, 1, 1, 1), "blood": torch.tensor([[3.0], [4.0]])}
    present = {"scan": torch.tensor([True, False]), "blood": torch.tensor([True, False])}
    batch = Batch(inputs, present, ("a", "b"))
    source = SimpleNamespace(batch=lambda *_, **__: batch, modalities=("scan", "blood"), filled=("blood",))
    (key,) = epoch_keys(np.arange(2), batch_size=2, drop_last=False, seed=0)
    augmented = TrainingBatches(source, [Noise(Noise.Config(), modalities={})])[key]
    assert augmented.inputs["scan"].flatten().tolist() == [6.0, 0.0]
    assert augmented.inputs["blood"].flatten().tolist() == [4.0, 5.0]
