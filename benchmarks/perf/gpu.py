"""Epochs of the paper profile on a GPU: lower precision and compiled networks, and the share of the peak.

The engine trains the joint stage at full width, volumes of 32 x 96 x 96, batches of eight, with augmentation. The
epochs of all variants are timed in turn. The share of the peak is the step's floating-point operations (forward and
backward, of convolutions and matrix products) over its time, over the rate at which the GPU multiplies two large
matrices of the same precision. Compiling happens before the timed epochs; its seconds stand in the notes.

    python benchmarks/perf/gpu.py [--quick]
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

import torch
from common import Row, alone
from job import BATCH, Joint, Setup
from limit import PAPER, count
from torch import Tensor

WHAT, SIDE = "training epoch, paper profile, GPU", 8192
VARIANTS: Mapping[str, tuple[str, ...]] = {
    "32-true": (),
    "bf16-mixed": ("compute.precision=bf16-mixed",),
    "16-mixed": ("compute.precision=16-mixed",),
    "bf16-mixed, compiled": ("compute.precision=bf16-mixed", "compute.compile=true"),
}
HALF = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}


def rows(quick: bool) -> list[Row]:
    if not torch.cuda.is_available():
        return [Row(WHAT, "32-true", (), note="there is no GPU here")]
    name = torch.cuda.get_device_name()
    return compared("cuda", name, (*PAPER, "data.subjects=60"), rounds=3 if quick else 9, side=SIDE)


def compared(accelerator: str, name: str, overrides: tuple[str, ...], *, rounds: int, side: int) -> list[Row]:
    """Rows of all variants that the accelerator can compute."""
    setup = Setup(1, overrides=overrides)
    operations = per_subject(setup) * len(setup.rows)
    engines, first = {}, {}
    for variant, more in VARIANTS.items():
        if accelerator == "cpu" and variant == "16-mixed":
            continue
        chosen = (*overrides, f"compute.accelerator={accelerator}", *more)
        engines[variant] = Setup(rounds + 2, overrides=chosen).engine()
        first[variant] = seconds(lambda: next(engines[variant]), accelerator)  # noqa: B023  # called at once
        next(engines[variant])  # warm
    taken = in_turn(engines, rounds, accelerator)
    found = []
    for variant, times in taken.items():
        rate = peak(accelerator, HALF.get(variant.partition(",")[0], torch.float32), side)
        shares = tuple(operations / each / rate for each in times)
        note = f"{name}, {min(times) / len(setup.rows) * 1e3:.2f} ms a subject, first epoch {first[variant]:.0f} s"
        relative = tuple(mine / plain for mine, plain in zip(times, taken["32-true"], strict=True))
        if variant != "32-true":
            found.append(Row(f"{WHAT}, {variant}", "32-true", relative, note=note))
        peak_note = f"{rate / 1e12:.1f} TFLOP/s" + (f"; {note}" if variant == "32-true" else "")
        found.append(Row(f"{WHAT}, {variant}", "peak by matrix product", shares, more_is_better=True, note=peak_note))
    return found


def in_turn(engines: Mapping[str, Iterator[object]], rounds: int, accelerator: str) -> dict[str, list[float]]:
    """Seconds of an epoch of each, one a round."""
    taken: dict[str, list[float]] = {variant: [] for variant in engines}
    for _ in range(rounds):
        for variant, engine in engines.items():
            taken[variant].append(seconds(lambda: next(engine), accelerator))  # noqa: B023  # called at once
    return taken


def per_subject(setup: Setup) -> float:
    """Floating-point operations of a step, forward and backward, a subject."""
    model = Joint(setup, tuned=True)
    inputs, targets = setup.tensors()
    few = {name: values[:BATCH] for name, values in inputs.items()}
    return count(lambda: model(few, targets[:BATCH]).backward()) / BATCH


def peak(accelerator: str, kind: torch.dtype, side: int) -> float:
    """Floating-point operations a second of a product of two matrices, the best of five."""
    left: Tensor = torch.rand(side, side, device=accelerator, dtype=kind)
    left @ left
    return max(2 * side**3 / seconds(lambda: left @ left, accelerator) for _ in range(5))


def seconds(action: Callable[[], object], accelerator: str) -> float:
    """How long it takes until the device is done."""
    if accelerator == "cuda":
        torch.cuda.synchronize()
    begin = time.perf_counter()
    action()
    if accelerator == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin


if __name__ == "__main__":
    alone(rows, __doc__)
