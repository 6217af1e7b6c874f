"""A frozen teacher whose outputs are computed once per fold and read from memory afterwards.

Worth 0.85 of the time of a student's stage without augmentation (benchmarks/perf/teacher.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import cast

import torch
from torch import Tensor, nn

from xdistill.interfaces.network import Network
from xdistill.training.evaluate import EVALUATION_BATCH
from xdistill.training.source import Rows, Source
from xdistill.types import Batch, Output, OutputSpec

MEMORY_MB = 256  # a constant, because whether outputs are computed in other batches decides their last bits
_ALIKE = 0.05  # of the largest value: far above rounding, far below the effect of other subjects' statistics


def fits_memory(spec: OutputSpec, subjects: int) -> bool:
    """Whether a teacher's outputs for all subjects are small enough to keep, as float32."""
    numbers = spec.outputs * (1 + len(spec.aux)) + sum(prod(shape) for shape in spec.features.values())
    return subjects * numbers * 4 <= MEMORY_MB * 2**20


class FrozenTeacher(nn.Module):
    """Returns the outputs of a frozen teacher for training subjects, which always have the same inputs.

    The outputs are computed at the first call, in batches of `EVALUATION_BATCH` in the order of the split. A teacher
    that draws random numbers although it is frozen, or whose output for a subject depends on the rest of the batch, is
    called for every batch instead.

    Args:
        network: the teacher, frozen and in eval mode.
        source: of the subjects, which no augmentation changes.
        rows: of the training subjects that the teacher is given.
        prepare: moves a batch to the device.
    """

    def __init__(self, network: nn.Module, source: Source, rows: Rows, prepare: Callable[[Batch], Batch]) -> None:
        super().__init__()
        self.network = network
        self.inputs: tuple[str, ...] = cast("Network", network).inputs
        self._source = source
        self._rows = rows
        self._prepare = prepare
        self._index = dict(zip(rows.tolist(), range(len(rows)), strict=True))
        self._outputs: Output | None = None
        self._cacheable = True

    def forward(self, batch: Batch) -> Output:
        """The teacher's output."""
        if self._outputs is None and self._cacheable:
            self._compute()
        if self._outputs is None:
            output: Output = self.network(batch)
            return output
        rows = self._source.cohort.rows_of(batch.subjects)
        indices = torch.tensor([self._index[row] for row in rows.tolist()], device=self._outputs.logits.device)
        return self._outputs.take(indices)

    def _compute(self) -> None:
        starts = range(0, len(self._rows), EVALUATION_BATCH)
        before = _random_state()
        pieces = [self._call(self._rows[start : start + EVALUATION_BATCH]) for start in starts]
        half = self._call(self._rows[: -(-min(len(self._rows), EVALUATION_BATCH) // 2)])
        drew = any(not torch.equal(was, now) for was, now in zip(before, _random_state(), strict=True))
        _set_random_state(before)
        self._cacheable = not drew and _alike(half, pieces[0])
        if self._cacheable:
            self._outputs = _concatenated(pieces)

    def _call(self, rows: Rows) -> Output:
        with torch.no_grad():
            output: Output = self.network(self._prepare(self._source.batch(rows, self.inputs, target=False)))
        return output


def _concatenated(pieces: list[Output]) -> Output:
    def joined(values: list[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        return {name: torch.cat([value[name] for value in values]) for name in values[0]}

    return Output(
        logits=torch.cat([piece.logits for piece in pieces]),
        features=joined([piece.features for piece in pieces]),
        aux=joined([piece.aux for piece in pieces]),
    )


def _alike(some: Output, more: Output) -> bool:
    """Whether the outputs for some subjects are, up to rounding, the same in a batch with more subjects."""
    pairs = [(some.logits, more.logits)]
    pairs += [(value, more.features[name]) for name, value in some.features.items()]
    pairs += [(value, more.aux[name]) for name, value in some.aux.items()]
    for value, larger in pairs:
        other = larger[: len(value)]
        if value.numel() and float((value - other).abs().max()) > _ALIKE * float(other.abs().max()):
            return False
    return True


def _random_state() -> tuple[Tensor, ...]:
    """States of the generators that a network can draw from."""
    return (torch.get_rng_state(), *(torch.cuda.get_rng_state_all() if torch.cuda.is_available() else ()))


def _set_random_state(state: tuple[Tensor, ...]) -> None:
    torch.set_rng_state(state[0])
    if len(state) > 1:
        torch.cuda.set_rng_state_all(list(state[1:]))
