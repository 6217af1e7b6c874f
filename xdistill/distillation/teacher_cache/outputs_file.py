"""Files of what a frozen teacher said of subjects, in HDF5: places and no ids; all is checked when it is read."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xdistill.data.file.checksum import checksum
from xdistill.distillation.teacher_cache.store import TeacherCache

FORMAT, FORMAT_VERSION = "xdistill-teacher-outputs", 1
_ALIGNED = 64  # numbers; torch aligns what it allocates to 64 bytes


@dataclass(frozen=True)
class Layout:
    """How a tensor lay in memory; sums over it can differ in their last bits by that.

    Attributes:
        stride: of each dimension, in numbers; 0 where one number stands for all.
        offset: from an aligned place, in numbers.
        dtype: such as ``float32``.
    """

    stride: tuple[int, ...]
    offset: int
    dtype: str

    @classmethod
    def of(cls, value: Tensor) -> Layout:
        """The layout of a tensor."""
        return cls(
            tuple(map(int, value.stride())),
            int(value.storage_offset()) % _ALIGNED,
            str(value.dtype).removeprefix("torch."),
        )

    def laid_out(self, values: NDArray[Any], device: torch.device) -> Tensor:
        """A tensor of these values that lies in memory as the one before did."""
        shape, stride = values.shape, self.stride
        own = tuple(1 if step == 0 else size for size, step in zip(shape, stride, strict=True))
        length = 1 + sum((size - 1) * step for size, step in zip(own, stride, strict=True))
        room = torch.empty(self.offset + length, dtype=getattr(torch, self.dtype), device=device)
        tensor = room.as_strided(own, stride, self.offset)
        tensor.copy_(torch.from_numpy(values[tuple(slice(size) for size in own)]))
        return tensor.expand(shape)


def plain(value: Tensor) -> NDArray[Any]:
    """The numbers of a tensor in C order; what numpy does not know is widened, which loses nothing."""
    known = value.float() if value.dtype == torch.bfloat16 else value
    return np.ascontiguousarray(known.detach().cpu().numpy())


@dataclass(frozen=True)
class Outputs:
    """What a teacher said of some batches of subjects, one after the other.

    Attributes:
        names: all that it says; what is kept may be less.
        sizes: subjects of each batch.
        values: what is kept by name, ``(subjects, …)``.
        layouts: by name, and by the size of the batch.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    values: Mapping[str, NDArray[Any]]
    layouts: Mapping[str, Mapping[int, Layout]]

    def batch(self, index: int, name: str, device: torch.device) -> Tensor:
        """What it said of one batch, as the tensor was."""
        start, size = sum(self.sizes[:index]), self.sizes[index]
        return self.layouts[name][size].laid_out(self.values[name][start : start + size], device)


def packed(outputs: Outputs, key: str) -> bytes:
    """A file's content."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for index, (name, value) in enumerate(outputs.values.items()):
            file.create_dataset(str(index), data=value)  # names may hold slashes, which HDF5 takes for groups
            file[str(index)].attrs["name"] = name
        facts = {
            "key": key,
            "names": outputs.names,
            "sizes": outputs.sizes,
            "checksums": {name: str(checksum(value)) for name, value in outputs.values.items()},
            "layouts": {
                name: [[size, layout.stride, layout.offset, layout.dtype] for size, layout in layouts.items()]
                for name, layouts in outputs.layouts.items()
            },
        }
        text = json.dumps(facts)
        file.attrs["format"], file.attrs["format_version"] = FORMAT, FORMAT_VERSION
        file.create_dataset("facts", data=np.frombuffer(text.encode(), dtype=np.uint8))
        file.attrs["checksum"] = str(checksum(np.frombuffer(text.encode(), dtype=np.uint8)))
    return buffer.getvalue()


def unpacked(path: Path, key: str) -> Outputs:
    """What a file holds.

    Raises:
        ValueError: when its content is not what was written under this key.
        OSError: when it cannot be read.
        KeyError: when something is missing in it.
    """
    with h5py.File(path, "r", locking=False) as file:
        if file.attrs["format"] != FORMAT or int(file.attrs["format_version"]) != FORMAT_VERSION:
            msg = "it is of another format"
            raise ValueError(msg)
        text: NDArray[np.uint8] = file["facts"][()]
        _compare(text, file.attrs["checksum"])
        facts = json.loads(text.tobytes())
        values = {str(item.attrs["name"]): item[()] for name, item in file.items() if name != "facts"}
    if facts["key"] != key or set(values) != set(facts["checksums"]):
        msg = "it holds something else"
        raise ValueError(msg)
    for name, value in values.items():
        _compare(value, facts["checksums"][name])
    layouts = {
        name: {size: Layout(tuple(stride), offset, dtype) for size, stride, offset, dtype in found}
        for name, found in facts["layouts"].items()
    }
    return Outputs(tuple(facts["names"]), tuple(facts["sizes"]), values, layouts)


def kept_outputs(cache: TeacherCache, key: str) -> Outputs | None:
    """What is kept under a key; None when nothing is, or when that is not what was written."""
    damaged = "the outputs of a teacher that are kept there are damaged"
    return cache.found(cache.outputs(key), partial(unpacked, key=key), damaged)


def keep_outputs(cache: TeacherCache, key: str, outputs: Outputs) -> None:
    """Keep outputs for other runs."""
    cache.keep(cache.outputs(key), packed(outputs, key))


def joined(names: tuple[str, ...], batches: Sequence[Mapping[str, tuple[NDArray[Any], Layout]]]) -> Outputs | None:
    """Batches one after the other, with what all of them have; None where they cannot be told apart again."""
    kept = [name for name in names if all(name in batch for batch in batches)]
    sizes = tuple(len(next(iter(batch.values()))[0]) for batch in batches)
    layouts: dict[str, dict[int, Layout]] = {}
    for name in kept:
        layouts[name] = {}
        for size, batch in zip(sizes, batches, strict=True):
            value, layout = batch[name]
            if len(value) != size or layouts[name].setdefault(size, layout) != layout:
                return None
    values = {name: np.concatenate([batch[name][0] for batch in batches]) for name in kept}
    return Outputs(names, sizes, values, layouts)


def _compare(values: NDArray[Any], expected: str) -> None:
    if str(checksum(np.ascontiguousarray(values))) != expected:
        msg = "its content is not what was written"
        raise ValueError(msg)
