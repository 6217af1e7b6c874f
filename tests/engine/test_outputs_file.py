"""What is kept of outputs comes back as it was: numbers, types, and how they lay in memory."""

import numpy as np
import pytest
import torch

from xdistill.distillation.teacher_cache.outputs_file import Layout, joined, packed, plain, unpacked
from xdistill.distillation.teacher_cache.said import fetched, taken_apart
from xdistill.types import Output

CPU = torch.device("cpu")
LAST = (
    torch.arange(2 * 3 * 4 * 5, dtype=torch.float32).reshape(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
)
TENSORS = {
    "plain": torch.randn(3, 4),
    "channels last": LAST,
    "part of a larger one": torch.randn(3, 8)[:, 5:],
    "one for all": torch.tensor([1.0, 2.0]).expand(4, 2),
    "turned": torch.randn(5, 3).t(),
    "bfloat16": torch.randn(3, 4).to(torch.bfloat16),
    "float64": torch.randn(3, 4, dtype=torch.float64),
    "odd numbers": torch.tensor([[float("inf"), -0.0], [1e-45, 3.0]]),
}


@pytest.mark.parametrize("name", list(TENSORS))
def test_a_tensor_comes_back_bit_by_bit_and_lies_as_it_did(name, tmp_path):
    value = TENSORS[name]
    outputs = joined(("logits",), [{"logits": (plain(value), Layout.of(value))}])
    assert outputs is not None
    (tmp_path / "file.h5").write_bytes(packed(outputs, "key"))
    back = unpacked(tmp_path / "file.h5", "key").batch(0, "logits", CPU)
    assert torch.equal(back, value)
    assert back.signbit().equal(value.signbit())
    assert back.dtype == value.dtype
    assert [step for step, size in zip(back.stride(), back.shape, strict=True) if size > 1] == [
        step for step, size in zip(value.stride(), value.shape, strict=True) if size > 1
    ]


def piece(count, start=0):
    value = torch.arange(start, start + 2 * count, dtype=torch.float32).reshape(count, 2)
    return plain(value), Layout.of(value)


def test_batches_of_several_sizes_stand_one_after_the_other():
    outputs = joined(("logits", "aux/fc"), [{"logits": piece(3)}, {"logits": piece(1, 10)}, {"logits": piece(3, 20)}])
    assert outputs is not None
    assert outputs.sizes == (3, 1, 3)
    assert outputs.names == ("logits", "aux/fc")
    assert outputs.batch(1, "logits", CPU).tolist() == [[10.0, 11.0]]
    assert outputs.batch(2, "logits", CPU)[0].tolist() == [20.0, 21.0]


def test_what_one_batch_lacks_is_not_kept():
    outputs = joined(("logits", "aux/fc"), [{"logits": piece(3), "aux/fc": piece(3)}, {"logits": piece(1)}])
    assert outputs is not None
    assert list(outputs.values) == ["logits"]


def test_what_cannot_be_told_apart_again_is_not_kept():
    turned = torch.zeros(2, 3).t()
    assert joined(("logits",), [{"logits": piece(3)}, {"logits": (plain(turned), Layout.of(turned))}]) is None
    assert joined(("logits", "aux/fc"), [{"logits": piece(3), "aux/fc": piece(2)}]) is None


def test_another_key_finds_nothing(tmp_path):
    outputs = joined(("logits",), [{"logits": piece(3)}])
    (tmp_path / "file.h5").write_bytes(packed(outputs, "key"))
    with pytest.raises(ValueError, match="something else"):
        unpacked(tmp_path / "file.h5", "other")


def test_every_number_is_checked(tmp_path):
    outputs = joined(("logits",), [{"logits": (np.full((2, 2), 7.25, np.float32), piece(2)[1])}])
    data = packed(outputs, "key")
    place = data.index(np.float32(7.25).tobytes())
    (tmp_path / "file.h5").write_bytes(data[:place] + np.float32(7.5).tobytes() + data[place + 4 :])
    with pytest.raises(ValueError, match="not what was written"):
        unpacked(tmp_path / "file.h5", "key")


def test_who_asks_for_what_is_known():
    whole = Output(torch.ones(2, 3), {"a": torch.ones(2), "b": torch.ones(2)}, {"fc": torch.ones(2, 3)})
    pieces, asked = taken_apart(whole), []
    output = fetched(tuple(pieces), lambda name: asked.append(name) or pieces[name])
    assert (asked, list(output.features), len(output.aux)) == (["logits"], ["a", "b"], 1)
    assert output.detached().features["b"] is pieces["feature/b"]
    assert asked == ["logits", "feature/b"]
    with pytest.raises(KeyError):
        output.features["fc"]
    assert dict(output.aux)["fc"] is pieces["aux/fc"]
    assert asked == ["logits", "feature/b", "aux/fc"]
