"""The engine's training epoch against a bare PyTorch loop that does the same arithmetic.

Both train CMD-Net's default profile on the generated cohort with the same networks, losses, augmentation, clipping and
fused AdamW, one thread; epochs are measured in turn within one process, by the seconds that it computes.

    python benchmarks/perf/step.py [--quick]
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

import torch
from common import Row, alone, interleaved, ratios
from job import CLIP, Joint, Setup
from torch import Tensor

from xdistill.training.loader import epoch_keys


def rows(quick: bool) -> list[Row]:
    rounds = 4 if quick else 10
    setup = Setup(rounds + 1)
    engine, bare = setup.engine(), Bare(setup)
    next(engine), bare.epoch()  # warm both
    pairs = interleaved(lambda: next(engine), bare.epoch, rounds=rounds, clock=time.process_time)
    best = 1000 * min(first for first, _ in pairs) / len(setup.rows)
    return [
        Row("engine, epochs", "bare loop, same arithmetic", ratios(pairs), 1.05, note=f"best {best:.2f} ms a subject")
    ]


class Bare:
    """A plain loop over tensors in memory."""

    def __init__(self, setup: Setup) -> None:
        self.model = Joint(setup, tuned=True)
        self.optimizer = self.model.optimizer()
        self.parameters = list(self.model.parameters())
        self.inputs, self.targets = setup.tensors()
        self.rows, self.number = setup.rows, 0

    def epoch(self) -> float:
        """One epoch."""
        total = 0.0
        for key in epoch_keys(self.rows, batch_size=8, drop_last=False, seed=self.number):
            index = torch.from_numpy(key.rows)
            inputs = {name: values[index] for name, values in self.inputs.items()}
            generator = torch.Generator().manual_seed(key.seed)
            total += self._step(self.model.augmented(inputs, generator), self.targets[index])
        self.number += 1
        return total

    def _step(self, inputs: Mapping[str, Tensor], target: Tensor) -> float:
        loss = self.model(inputs, target)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, CLIP)
        self.optimizer.step()
        value = loss.item()
        assert math.isfinite(value)
        return value


if __name__ == "__main__":
    alone(rows, __doc__)
