"""A checkpoint is loaded by the fold that it belongs to, and by no other, and only if every bit of it is right."""

import pytest
import torch

from xdistill.training.checkpoint import Checkpointer


def test_it_is_read_back_by_its_own_fold_alone(tmp_path):
    Checkpointer(tmp_path / "checkpoint.pt", "one").save({"epoch": 3})
    assert Checkpointer(tmp_path / "checkpoint.pt", "one").load() == {"epoch": 3, "identity": "one"}
    other = Checkpointer(tmp_path / "checkpoint.pt", "other")
    assert other.load() is None
    assert other.refused.endswith("the checkpoint is not one of this run")


def test_what_is_no_checkpoint_is_not_read(tmp_path):
    path = tmp_path / "checkpoint.pt"
    checkpointer = Checkpointer(path, "one")
    assert checkpointer.load() is None
    assert checkpointer.refused == ""
    path.write_bytes(b"PK\x03\x04 cut off")
    assert checkpointer.load() is None
    assert "damaged" in checkpointer.refused
    torch.save(["one"], path)
    assert checkpointer.load() is None
    checkpointer.discard()
    assert checkpointer.load() is None
    assert checkpointer.refused == ""


@pytest.mark.parametrize("part", [0.0, 0.3, 0.6, 0.999])
def test_a_flipped_bit_is_found_which_torch_does_not_look_for(tmp_path, part):
    path = tmp_path / "checkpoint.pt"
    Checkpointer(path, "one").save({"weights": torch.arange(1000.0)})
    content = bytearray(path.read_bytes())
    content[int(part * len(content))] ^= 1
    path.write_bytes(content)
    checkpointer = Checkpointer(path, "one")
    assert checkpointer.load() is None
    assert "its SHA-256 differs" in checkpointer.refused
