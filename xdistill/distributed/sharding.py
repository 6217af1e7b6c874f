"""Outputs computed by several processes: each computes a share of the batch, and all get the whole output.

Every process then computes the objective on the whole batch, so that a loss that compares subjects with each other
gets the same subjects as in one process. `torch.distributed.nn.all_gather` would need equal shares.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.autograd.function import once_differentiable

from xdistill.distributed.sync_batchnorm import SyncBatchNorm
from xdistill.training.forward import Forward
from xdistill.training.seeds import derive
from xdistill.types import MIN_SUBJECTS, Batch, Output


class ShardedForward(Forward):
    """Computes this process's share of a batch and gathers all shares.

    A process without a share computes the first subjects and discards the result, because all processes have to take
    part in each exchange.

    Args:
        device: of this process.
        seed: of the random numbers that networks draw; each process draws its own.
    """

    def __init__(self, device: torch.device, seed: int) -> None:
        self.device = device
        self.seed = seed
        self.rank = distributed.get_rank()
        self.count = distributed.get_world_size()
        self._step = 0
        self._calls = 0

    def begin(self, step: int) -> None:
        """Random numbers depend on the step, so that a resumed run draws the same."""
        self._step, self._calls = step, 0

    def __call__(self, network: nn.Module, batch: Batch) -> Output:
        """The output for the whole batch, the same in every process; gradients flow to the process's own share."""
        sizes = shares(len(batch), self.count)
        size = sizes[self.rank]
        begin = sum(sizes[: self.rank]) if size else 0
        own = _part(batch, begin, begin + (size or min(MIN_SUBJECTS, len(batch))))
        with self._own_random_numbers(), SyncBatchNorm(counted=size > 0):
            output: Output = network(own)
        return Output(
            logits=self._whole(output.logits, sizes),
            features={name: self._whole(value, sizes) for name, value in output.features.items()},
            aux={name: self._whole(value, sizes) for name, value in output.aux.items()},
        )

    def _whole(self, value: Tensor, sizes: Sequence[int]) -> Tensor:
        whole: Tensor = _Gathered.apply(value, sizes, self.rank)  # type: ignore[no-untyped-call]
        return whole

    @contextmanager
    def _own_random_numbers(self) -> Iterator[None]:
        """Networks draw different random numbers in each process; the objective draws the same."""
        self._calls += 1
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(derive(self.seed, "rank", self.rank, self._step, self._calls))
            yield


def shares(subjects: int, processes: int) -> list[int]:
    """How many subjects of a batch each process computes: as evenly as possible, and never a single one.

    >>> shares(8, 2), shares(7, 3), shares(3, 2)
    ([4, 4], [2, 2, 3], [3, 0])
    """
    served = max(1, min(processes, subjects // MIN_SUBJECTS))
    ends = [subjects * turn // served for turn in range(served + 1)]
    return [end - begin for begin, end in pairwise(ends)] + [0] * (processes - served)


def _part(batch: Batch, begin: int, end: int) -> Batch:
    """Neighbours in a batch; images keep their layout in memory."""
    return replace(
        batch,
        inputs={name: value[begin:end] for name, value in batch.inputs.items()},
        present={name: value[begin:end] for name, value in batch.present.items()},
        subjects=batch.subjects[begin:end],
        target=None if batch.target is None else batch.target[begin:end],
        labelled=None if batch.labelled is None else batch.labelled[begin:end],
    )


class _Gathered(torch.autograd.Function):
    """The rows of all processes, one process after the other."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, sizes: Sequence[int], rank: int) -> Tensor:
        ctx.rows, ctx.sizes, ctx.rank = len(value), sizes, rank
        most = max(sizes)
        sent = value.new_zeros((most, *value.shape[1:]))
        sent[: sizes[rank]] = value[: sizes[rank]]
        received = [torch.empty_like(sent) for _ in sizes]
        distributed.all_gather(received, sent)
        return torch.cat([rows[:size] for rows, size in zip(received, sizes, strict=True)])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        """The own rows' gradient, times the processes: their gradients of weights are averaged afterwards.

        Every process has computed the same objective from the same rows, so nothing needs to be exchanged.
        """
        begin = [0, *accumulate(ctx.sizes)][ctx.rank]
        size = ctx.sizes[ctx.rank]
        own = gradient.new_zeros((ctx.rows, *gradient.shape[1:]))
        own[:size] = gradient[begin : begin + size] * len(ctx.sizes)
        return own, None, None
