"""What a frozen teacher said of each training subject, asked once, for stages in which it is always given the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from xdistill.distillation.teacher_cache.checks import (
    Unchanged,
    alike,
    random_state,
    restore_random_state,
    same_random_state,
)
from xdistill.distillation.teacher_cache.key import digest
from xdistill.distillation.teacher_cache.outputs_file import Layout, joined, keep_outputs, kept_outputs, plain
from xdistill.distillation.teacher_cache.said import fetched, taken_apart
from xdistill.interfaces.network import Network
from xdistill.training.evaluate import EVALUATION_BATCH
from xdistill.training.loader import BatchKey, Rows
from xdistill.types import Batch, Output

if TYPE_CHECKING:
    from xdistill.training.train import Trainer


class BySubject:
    """The memory of a stage without augmentation.

    A teacher that draws random numbers although it is frozen, or whose output for a subject depends on the others of
    the batch, is asked about every batch, as if there were no memory.

    Args:
        trainer: of the fold.
        network: the teacher.
        decisive: what decides its outputs.
    """

    def __init__(self, trainer: Trainer, network: Network, decisive: Mapping[str, Any]) -> None:
        self.active = False
        self._trainer = trainer
        self._network = network
        self._device = trainer.fabric.device
        self._rows = trainer.rows_of("teacher")
        self._place = dict(zip(self._rows.tolist(), range(len(self._rows)), strict=True))
        self._unchanged = Unchanged(network)
        self._key = digest({**decisive, "what": "outputs by subject"})
        self._names: tuple[str, ...] = ()
        self._table: dict[str, Tensor] = {}
        self._asked: set[str] = set()
        self._computed = False
        self._alone = True

    @contextmanager
    def epoch(self, _keys: Sequence[BatchKey]) -> Iterator[bool]:
        """Within it, the teacher is asked about any training subjects; what was computed is kept at the end."""
        self.active = True
        try:
            yield self._alone  # it reads its subjects by itself
        finally:
            self.active = False
        self._table = {name: value for name, value in self._table.items() if name in self._asked}
        if self._computed:
            self._keep()
        self._computed = False

    def output(self, batch: Batch, compute: Callable[[Batch], Output]) -> Output:
        """What the teacher says of some training subjects."""
        if not self._table and self._alone:
            self._look_up()
        if not self._alone:
            return compute(batch)
        rows = self._trainer.source.cohort.rows_of(batch.subjects)
        places = torch.tensor([self._place[row] for row in rows.tolist()], device=self._device)
        return fetched(self._names, lambda name: self._fetch(name)[places])

    def _keep(self) -> None:
        if self._trainer.cache is None or not self._unchanged:
            return
        kept = {name: (plain(value), Layout.of(value)) for name, value in self._table.items()}
        outputs = joined(self._names, [kept])
        if outputs is not None:
            keep_outputs(self._trainer.cache, self._key, outputs)

    def _fetch(self, name: str) -> Tensor:
        self._asked.add(name)
        if name not in self._table:
            self._compute()
        return self._table[name]

    def _look_up(self) -> None:
        cache = self._trainer.cache
        found = None if cache is None else kept_outputs(cache, self._key)
        if found is None or found.sizes != (len(self._rows),):
            self._compute()
            return
        self._names = found.names
        self._table = {name: found.batch(0, name, self._device) for name in found.values}
        self._asked.update(self._table)  # stays in the file that is written when more is asked for

    def _compute(self) -> None:
        before = random_state(self._device)
        pieces = [self._say(self._rows[start : start + EVALUATION_BATCH]) for start in self._starts()]
        first = self._say(self._rows[: -(-len(self._rows[:EVALUATION_BATCH]) // 2)])
        self._alone = same_random_state(before, random_state(self._device)) and alike(first, pieces[0])
        restore_random_state(before, self._device)
        if self._alone:
            self._names, self._computed = tuple(pieces[0]), True
            self._table = {name: torch.cat([piece[name] for piece in pieces]).contiguous() for name in self._names}

    def _starts(self) -> range:
        return range(0, len(self._rows), EVALUATION_BATCH)

    def _say(self, rows: Rows) -> dict[str, Tensor]:
        batch = self._trainer.source.batch(np.asarray(rows), self._network.inputs, target=False)
        with torch.no_grad():
            return taken_apart(self._network(self._trainer.prepare(batch)))
