"""What no network reads is not loaded, and what is read is the same to the bit, whatever is drawn at random."""

import numpy as np
import pytest
import torch

from engine.missing_runs import incomplete, trainer_of
from tiny import tiny
from xdistill.crossval.thrifty import ThriftyBatches
from xdistill.interfaces import Augmentation
from xdistill.training.loader import BatchKey, Source, TrainingBatches, channels_last, memory_format
from xdistill.types import Batch, LateInputs

UNREAD = frozenset({"clinical", "pre"})
DROPOUT = {"use": "modality_dropout", "rate": 0.5}
KEY = BatchKey(np.array([3, 1, 40, 70]), 5)  # the last two have no clinical items


def augment(together):
    return [
        {"use": "volume_flip", "together": together},
        {"use": "volume_affine", "rotate": 20, "together": together},
        {"use": "volume_intensity", "scale": 0.1, "noise": 0.1},
    ]


def batches_of(trainer, **changes):
    modalities = trainer.facts.schema.modalities
    built = [choice.build(modalities=modalities) for choice in trainer.experiment.augment]
    return TrainingBatches(trainer.source, changes.get("augmentations", built), trainer.dropout())


@pytest.fixture
def loads(monkeypatch):
    """The modalities whose values were loaded."""
    names, values = [], Source._values
    monkeypatch.setattr(Source, "_values", lambda self, name, rows: names.append(name) or values(self, name, rows))
    return names


STREAMED = {"loader": {"batch_size": 8, "memory_mb": 1}}


@pytest.mark.parametrize(
    "changes",
    [
        {"augment": augment(together=True)},
        {"augment": augment(together=False), **STREAMED},
        {"augment": []},
        {"augment": [], **STREAMED},
    ],
)
def test_what_is_read_is_the_same(changes, tmp_path, shared_cache, catalog, loads):
    trainer = trainer_of(incomplete(missing=DROPOUT, **changes), tmp_path, shared_cache, catalog)
    assert trainer.source.in_memory == ("loader" not in changes)
    batches = batches_of(trainer)
    whole = batches[KEY]
    loads.clear()
    thrifty = memory_format(ThriftyBatches(batches, UNREAD)[KEY].to(torch.device("cpu")), channels_last)
    assert torch.equal(thrifty.restricted_to(["hbp"]).inputs["hbp"], whole.inputs["hbp"])
    assert type(thrifty.restricted_to(["hbp"]).inputs) is dict
    assert thrifty.present.keys() == whole.present.keys()
    assert all(torch.equal(value, whole.present[name]) for name, value in thrifty.present.items())
    assert torch.equal(thrifty.target, whole.target)
    assert loads == ["hbp"]
    some = thrifty.take(torch.tensor([0, 3])).restricted_to(["pre", "clinical"])
    assert loads == ["hbp"]
    for name in UNREAD:  # whoever does read it gets what it would have got
        assert torch.equal(some.inputs[name], whole.inputs[name][[0, 3]])
        assert torch.equal(thrifty.inputs[name], whole.inputs[name])
    assert len(loads) == 1 + 3, "the whole batch is made once"


class Plain(Augmentation):
    """One that has to be given everything."""

    name = "plain"

    def __call__(self, inputs, generator):
        return {name: value + torch.rand((), generator=generator) for name, value in inputs.items()}


def test_augmentations_that_need_everything_get_it(tmp_path, shared_cache, catalog, loads):
    trainer = trainer_of(tiny(), tmp_path, shared_cache, catalog)
    modalities = trainer.facts.schema.modalities
    batches = batches_of(trainer, augmentations=[Plain(None, modalities=modalities)])
    loads.clear()
    batch = ThriftyBatches(batches, UNREAD)[BatchKey(np.array([0, 1]), 5)]
    assert sorted(loads) == ["clinical", "hbp", "pre"]
    assert not isinstance(batch.inputs, LateInputs)


def test_values_are_made_once_and_in_their_order():
    made = []

    def make(name):
        made.append(name)
        return torch.full((2,), float(len(made)))

    late = LateInputs(("b", "a", "c"), {"a": torch.zeros(2)}, make)
    batch = Batch(late, {}, ("x", "y"))
    assert list(batch.inputs) == ["b", "a", "c"]
    assert len(late) == 3
    moved = batch.to(torch.device("cpu"))
    assert made == []
    assert moved.inputs["c"].tolist() == [1, 1]
    assert late["c"].tolist() == [1, 1]
    assert batch.take(torch.tensor([1])).inputs["c"].tolist() == [1]
    assert made == ["c"]
    for ask in (lambda: late["d"], lambda: batch.restricted_to(["a", "d"])):
        with pytest.raises(KeyError, match="d"):
            ask()
