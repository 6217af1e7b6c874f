"""Forward and backward time of each distillation loss against a plain PyTorch version of its formula.

Both compute the same value (checked) from the same outputs, one thread, in turn within one process, by processor
time. Logits are 256 x 100, vectors 64 x 512, maps 16 x 32 x 6 x 12 x 12, of the same shapes in student and teacher.

    OMP_NUM_THREADS=1 python benchmarks/perf/losses.py [--quick]
"""

from __future__ import annotations

import time
from collections.abc import Callable

import plain_losses as plain
import torch
from common import Row, alone, interleaved, ratios
from torch import Tensor, nn

from xdistill.interfaces import DistillationLoss
from xdistill.interfaces.component import choose
from xdistill.plugin import load_catalog
from xdistill.types import Batch, Output, OutputSpec

GOAL, SHORTEST = 1.1, 0.005
VECTOR, MAP, CLASSES = (512,), (32, 6, 12, 12), 100
SUBJECTS = {"logits": 256, "vector": 64, "map": 16}

# What the loss reads, the block of a recipe, the plain version.
CASES: dict[str, tuple[str, dict[str, object], plain.Plain]] = {
    "kd": ("logits", {"use": "kd"}, plain.kd),
    "kd, standardised": ("logits", {"use": "kd", "standardise": True}, plain.standardised_kd),
    "dkd": ("logits", {"use": "dkd"}, plain.dkd),
    "dist": ("logits", {"use": "dist"}, plain.dist),
    "wsld": ("logits", {"use": "wsld"}, plain.wsld),
    "generalized": ("logits", {"use": "generalized"}, plain.generalized),
    "hint": ("map", {"use": "hint"}, plain.of_map(nn.functional.mse_loss)),
    "vid": ("map", {"use": "vid", "depth": 0}, plain.of_map(plain.PlainVid(MAP[0]))),
    "at": ("map", {"use": "at"}, plain.of_map(plain.at)),
    "ft": ("map", {"use": "ft"}, plain.of_map(plain.ft)),
    "nst": ("map", {"use": "nst"}, plain.of_map(plain.nst)),
    "cwd": ("map", {"use": "cwd"}, plain.of_map(plain.cwd)),
    "pkd": ("map", {"use": "pkd"}, plain.of_map(plain.pkd)),
    "ab": ("map", {"use": "ab"}, plain.of_map(plain.ab)),
    "ofd": ("map", {"use": "ofd"}, plain.of_map(plain.ofd)),
    "fsp": ("map", {"use": "fsp", "taps": ["map", "next"]}, plain.fsp),
    "review, without fusion": ("map", {"use": "review", "fusion": False}, plain.of_map(plain.hcl)),
    "rkd, distances": ("vector", {"use": "rkd", "angle": 0}, plain.of_vector(plain.rkd_distance)),
    "rkd, angles": ("vector", {"use": "rkd", "distance": 0, "angle": 1}, plain.of_vector(plain.rkd_angle)),
    "pkt": ("vector", {"use": "pkt"}, plain.of_vector(plain.pkt)),
    "cc": ("map", {"use": "cc"}, plain.of_map(plain.cc)),
    "cc, rbf": ("vector", {"use": "cc", "kernel": "rbf"}, plain.of_vector(plain.cc_rbf)),
    "crd": ("vector", {"use": "crd"}, plain.of_vector(plain.PlainCrd(VECTOR[0]))),
    "cka": ("vector", {"use": "cka"}, plain.of_vector(plain.cka)),
    "sp": ("vector", {"use": "sp"}, plain.of_vector(plain.sp)),
}


def rows(quick: bool) -> list[Row]:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    catalog = load_catalog()
    found = []
    for name, (kind, block, reference) in CASES.items():
        taps = {} if kind == "logits" else {"taps": [kind]}
        spec = OutputSpec(CLASSES, {"vector": VECTOR, "map": MAP, "next": MAP})
        loss = choose(DistillationLoss, {**taps, **block}, catalog).build(student=spec, teacher=spec)
        found.append(measure(name, loss, reference, kind, rounds=6 if quick else 24))
    return found


def measure(name: str, loss: nn.Module, reference: plain.Plain, kind: str, *, rounds: int) -> Row:
    """Forward and backward of both, after a check that their values agree."""
    subjects = SUBJECTS[kind]
    student, teacher = outputs(kind, subjects, learn=True), outputs(kind, subjects, learn=False)
    target = torch.arange(subjects) % CLASSES
    batch = Batch({}, {}, ("",) * subjects, target)
    if name != "crd":  # whose embeddings are drawn at random
        expected = reference(student, teacher, target)
        torch.testing.assert_close(loss(student, teacher, batch), expected, rtol=1e-3, atol=1e-5)
    ours = step(lambda: loss(student, teacher, batch), student)
    theirs = step(lambda: reference(student, teacher, target), student)
    repeats = max(1, round(SHORTEST / seconds(ours)))
    pairs = interleaved(repeated(ours, repeats), repeated(theirs, repeats), rounds=rounds, clock=time.process_time)
    note = f"{1e6 * min(first for first, _ in pairs) / repeats:.0f} microseconds at best"
    return Row(f"loss {name}", "plain version of its formula", ratios(pairs), GOAL, note=note)


def outputs(kind: str, subjects: int, *, learn: bool) -> Output:
    """Random logits and features."""
    logits = torch.randn(subjects, CLASSES)
    shapes = {"vector": {"vector": VECTOR}, "map": {"map": MAP, "next": MAP}, "logits": {}}[kind]
    features = {tap: torch.randn(subjects, *shape).requires_grad_(learn) for tap, shape in shapes.items()}
    return Output(logits.requires_grad_(learn), features)


def step(function: Callable[[], Tensor], student: Output) -> Callable[[], None]:
    """Forward and backward; gradients are dropped, so that none is added up."""
    leaves = [student.logits, *student.features.values()]

    def once() -> None:
        function().backward()
        for leaf in leaves:
            leaf.grad = None

    return once


def repeated(function: Callable[[], None], times: int) -> Callable[[], None]:
    """The function so many times in a row."""

    def every() -> None:
        for _ in range(times):
            function()

    return every


def seconds(function: Callable[[], None]) -> float:
    """Of one call, warm."""
    repeated(function, 3)()
    begin = time.process_time()
    repeated(function, 5)()
    return (time.process_time() - begin) / 5


if __name__ == "__main__":
    alone(rows, __doc__)
