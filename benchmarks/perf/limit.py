"""How far a training step is from what the machine's arithmetic allows.

The limit is the step's floating-point operations (forward and backward, counted by ``torch.utils.flop_counter``: those
of convolutions and matrix products) over the rate at which this machine multiplies two 1536 x 1536 matrices, on one
thread and in turn with the steps. The ratio is the step's time, augmentation and optimiser included, over that.
Measured at the default profile and at the paper's (full width, volumes of 32 x 96 x 96, without augmentation, two
subjects a batch).

    python benchmarks/perf/limit.py [--quick]
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import torch
from common import Row, alone, interleaved
from job import BATCH, CLIP, Joint, Setup
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from xdistill.engine.loader import channels_last

SIDE, GOAL = 1536, 2.5
PAPER = (
    "data.shape=[32,96,96]",
    "data.subjects=30",
    *(f"{role}.branches.{branch}.width=1.0" for role in ("teacher", "student") for branch in ("hbp", "pre")),
)


def rows(quick: bool) -> list[Row]:
    default = measure(Setup(1), batch=BATCH, steps=4, rounds=5 if quick else 20, augment=True)
    paper = measure(Setup(1, overrides=PAPER), batch=2, steps=1, rounds=1 if quick else 4, augment=False)
    return [
        Row("training step, default profile", "arithmetic limit", default[0], GOAL, note=default[1]),
        Row("training step, paper profile", "arithmetic limit", paper[0], GOAL, note=paper[1]),
    ]


def measure(setup: Setup, *, batch: int, steps: int, rounds: int, augment: bool) -> tuple[tuple[float, ...], str]:
    """Times over the limit, one a round, and what they were made from."""
    torch.set_num_threads(1)
    model = Joint(setup, tuned=True)
    optimizer = model.optimizer()
    inputs, targets = setup.tensors()
    inputs = {name: values[:batch] for name, values in inputs.items()}
    generator = torch.Generator().manual_seed(0)

    def prepared() -> Mapping[str, Tensor]:
        if augment:
            return model.augmented(inputs, generator)
        return {name: channels_last(values) for name, values in inputs.items()}

    def step() -> None:
        for _ in range(steps):
            loss = model(prepared(), targets[:batch])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimizer.step()

    operations = count(lambda: model(prepared(), targets[:batch]).backward())
    left, right = torch.rand(SIDE, SIDE), torch.rand(SIDE, SIDE)
    multiply = lambda: left @ right  # noqa: E731 - timed as it is
    step(), multiply()  # warm both
    pairs = interleaved(step, multiply, rounds=rounds, clock=time.process_time)
    rates = [2 * SIDE**3 / seconds for _, seconds in pairs]
    ratios = tuple(taken / steps * rate / operations for (taken, _), rate in zip(pairs, rates, strict=True))
    note = f"{operations / batch / 1e9:.2f} GFLOP a subject, {statistics.median(rates) / 1e9:.0f} GFLOP/s"
    return ratios, note


def count(action: Callable[[], object]) -> int:
    """Floating-point operations of convolutions and matrix products."""
    with FlopCounterMode(display=False) as counter:
        action()
    return counter.get_total_flops()


if __name__ == "__main__":
    alone(rows, __doc__)
