"""What share of a default run's time the checksums take: of the cohort file, folds, run and checkpoints.

The flagship recipe is run in this process, fold after fold. Every function that makes or compares a checksum is timed,
with the reading of the file that it needs.

    python benchmarks/perf/sums.py [--quick]
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any
from unittest.mock import patch

from common import Row, alone

from xdistill.api import run
from xdistill.workers import Message, resolve

GOAL = 0.01
TIMED = {  # where each is looked up by those that call it
    "xdistill.runs.checksums": ("digest",),
    "xdistill.training.checkpoint": ("_digest",),
    "xdistill.data.file.guard": ("metadata_digest",),
    "xdistill.data.file.tables": ("subject_digest", "fingerprint"),
    "xdistill.data.reader": ("checksum", "piece_checksum"),
}


def rows(quick: bool) -> list[Row]:
    spent: list[float] = []
    epochs, folds = (2, 2) if quick else (20, 5)  # the recipe's own
    chosen = [f"stages.joint.epochs={epochs}", f"crossval.folds={folds}"]
    first = ["stages.joint.epochs=1", "crossval.folds=2"]
    with tempfile.TemporaryDirectory() as runs, patch("xdistill.distributed.local.run_tasks", _here):
        run("mvi_hcc", runs=runs, overrides=first)  # builds the cohort file
    with tempfile.TemporaryDirectory() as runs, patch("xdistill.distributed.local.run_tasks", _here):
        functions = [(module, name) for module, names in TIMED.items() for name in names]
        patches = [patch(f"{module}.{name}", _timed(module, name, spent)) for module, name in functions]
        for one in patches:
            one.start()
        begin = time.process_time()
        run("mvi_hcc", runs=runs, overrides=chosen)
        whole = time.process_time() - begin
        for one in patches:
            one.stop()
    note = f"{epochs} epochs, {folds} folds: {sum(spent):.3f} s of {whole:.1f} s, {len(spent)} sums"
    return [Row("checksums of a default run", "the whole run", (sum(spent) / whole,), GOAL, note=note)]


def _timed(module: str, name: str, spent: list[float]) -> Callable[..., Any]:
    function = getattr(import_module(module), name)

    def timed(*arguments: Any, **named: Any) -> Any:
        begin = time.process_time()
        try:
            return function(*arguments, **named)
        finally:
            spent.append(time.process_time() - begin)

    return timed


def _here(target: str, payloads: Sequence[Any], **_: Any) -> Iterator[Message]:
    """Run tasks in this process, instead of in workers."""
    for number, payload in enumerate(payloads):
        for value in resolve(target)(payload):
            yield Message(number, "event", value)
        yield Message(number, "done")


if __name__ == "__main__":
    alone(rows, __doc__)
