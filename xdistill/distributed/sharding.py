"""Networks computed by several processes together: each takes a share of the batch, all get the whole output.

The objective is then computed on the whole batch in every process, whatever it does with it: a loss that compares
subjects with each other sees the same subjects as in one process.
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

from xdistill.distributed.sync_batchnorm import SharedBatchNorm
from xdistill.experiment.missing import LEAST
from xdistill.training.forward import Alone
from xdistill.training.seeds import derive
from xdistill.types import Batch, Output


class Together(Alone):
    """One of several processes that compute the shares of a batch.

    A process without a share computes the first subjects once more and throws the result away, since the processes
    wait for each other wherever they exchange anything.

    Args:
        device: that this process computes on.
        seed: of what the networks draw at random; each process draws its own.
    """

    def __init__(self, device: torch.device, seed: int) -> None:
        self.device = device
        self.seed = seed
        self.rank = distributed.get_rank()
        self.count = distributed.get_world_size()
        self._step = 0
        self._calls = 0

    def begin(self, step: int) -> None:
        """Random numbers depend on the step, so that a run that goes on draws the same."""
        self._step, self._calls = step, 0

    def __call__(self, network: nn.Module, batch: Batch) -> Output:
        """What the network says about the whole batch, the same in every process; gradients flow to the own share."""
        sizes = shares(len(batch), self.count)
        size = sizes[self.rank]
        begin = sum(sizes[: self.rank]) if size else 0
        own = _part(batch, begin, begin + (size or min(LEAST, len(batch))))
        with self._own_random_numbers(), SharedBatchNorm(counted=size > 0):
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
        """What networks draw differs between the processes, and what the objective draws does not."""
        self._calls += 1
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(derive(self.seed, "rank", self.rank, self._step, self._calls))
            yield


def shares(subjects: int, processes: int) -> list[int]:
    """How many subjects of a batch each process computes: as evenly as can be, and nobody one alone.

    >>> shares(8, 2), shares(7, 3), shares(3, 2)
    ([4, 4], [2, 2, 3], [3, 0])
    """
    served = max(1, min(processes, subjects // LEAST))
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
