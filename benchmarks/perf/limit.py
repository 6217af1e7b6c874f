"""How far a training step is from what the machine's arithmetic allows.

The limit is the step's floating-point operations (forward and backward, counted by ``torch.utils.flop_counter``: those
of convolutions and matrix products) over the rate at which this machine multiplies two 1536 x 1536 matrices, on one
thread and in turn with the steps; and over the rate of a wide convolution, which oneDNN computes. (What library ``@``
calls depends on the processor: on AMD's it may be far from what the machine can do.) The ratio is the step's time,
augmentation and optimiser included, over that. Measured at the default profile and at the paper's (full width, volumes
of 32 x 96 x 96, without augmentation, two subjects per batch).

    python benchmarks/perf/limit.py [--quick]
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from common import Row, alone
from job import BATCH, CLIP, Joint, Setup
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from xdistill.training.loader import channels_last

SIDE, GOAL = 1536, 2.5
PAPER = (
    "data.shape=[32,96,96]",
    "data.subjects=30",
    *(f"{role}.branches.{branch}.width=1.0" for role in ("teacher", "student") for branch in ("hbp", "pre")),
)


def rows(quick: bool) -> list[Row]:
    default = measure(Setup(1), batch=BATCH, steps=4, rounds=5 if quick else 20, augment=True)
    paper = measure(Setup(1, overrides=PAPER), batch=2, steps=1, rounds=1 if quick else 4, augment=False)
    return [*lines("default profile", default), *lines("paper profile", paper)]


def lines(profile: str, found: Measured) -> list[Row]:
    """Against the rate of a matrix product, which has the goal, and against that of a wide convolution."""
    what, size = f"training step, {profile}", f"{found.operations / 1e9:.2f} GFLOP a subject"
    return [
        Row(what, "limit by matrix product", found.ratios("product"), GOAL, note=f"{size}, {found.rate('product')}"),
        Row(what, "limit by wide convolution", found.ratios("convolution"), note=found.rate("convolution")),
    ]


@dataclass(frozen=True)
class Measured:
    """Rounds of a step.

    Attributes:
        operations: floating-point operations a subject.
        seconds: of a subject, one a round.
        rates: floating-point operations a second of each yardstick, one a round.
    """

    operations: float
    seconds: tuple[float, ...]
    rates: Mapping[str, tuple[float, ...]]

    def ratios(self, yardstick: str) -> tuple[float, ...]:
        """Times over the limit."""
        pairs = zip(self.seconds, self.rates[yardstick], strict=True)
        return tuple(seconds * rate / self.operations for seconds, rate in pairs)

    def rate(self, yardstick: str) -> str:
        """The median, for people."""
        return f"{statistics.median(self.rates[yardstick]) / 1e9:.0f} GFLOP/s"


def measure(setup: Setup, *, batch: int, steps: int, rounds: int, augment: bool) -> Measured:
    """Steps, matrix products and convolutions in turn."""
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
    image, kernel = channels_last(torch.rand(2, 512, 8, 12, 12)), torch.rand(512, 512, 3, 3, 3)
    yardsticks: dict[str, Callable[[], object]] = {
        "product": lambda: left @ right,
        "convolution": lambda: nn.functional.conv3d(image, kernel, padding=1),
    }
    sizes = {name: count(action) for name, action in yardsticks.items()}
    taken: dict[str, list[float]] = {"step": [], **{name: [] for name in yardsticks}}
    step()  # warm
    for _ in range(rounds):
        for name, action in {"step": step, **yardsticks}.items():
            begin = time.process_time()
            action()
            taken[name].append(time.process_time() - begin)
    return Measured(
        operations / batch,
        tuple(seconds / steps / batch for seconds in taken["step"]),
        {name: tuple(size / seconds for seconds in taken[name]) for name, size in sizes.items()},
    )


def count(action: Callable[[], object]) -> int:
    """Floating-point operations of convolutions and matrix products."""
    with FlopCounterMode(display=False) as counter:
        action()
    return counter.get_total_flops()


if __name__ == "__main__":
    alone(rows, __doc__)
