"""A checkpoint is taken up by the fold that it belongs to, and by no other."""

import torch

from xdistill.training.checkpoint import Checkpointer


def test_it_is_read_back_by_its_own_fold_alone(tmp_path):
    Checkpointer(tmp_path / "checkpoint.pt", "one").save({"epoch": 3})
    assert Checkpointer(tmp_path / "checkpoint.pt", "one").load() == {"epoch": 3, "identity": "one"}
    assert Checkpointer(tmp_path / "checkpoint.pt", "other").load() is None


def test_what_is_no_checkpoint_is_not_read(tmp_path):
    path = tmp_path / "checkpoint.pt"
    assert Checkpointer(path, "one").load() is None
    path.write_bytes(b"PK\x03\x04 cut off")
    assert Checkpointer(path, "one").load() is None
    torch.save(["one"], path)
    assert Checkpointer(path, "one").load() is None
