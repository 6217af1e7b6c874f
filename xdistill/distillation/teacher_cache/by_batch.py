"""What a frozen teacher said of the batches of an epoch, kept for runs that draw the same batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from xdistill.distillation.teacher_cache.checks import Unchanged, random_state, same_random_state
from xdistill.distillation.teacher_cache.key import digest, rows_digest
from xdistill.distillation.teacher_cache.outputs_file import Layout, Outputs, joined, keep_outputs, kept_outputs, plain
from xdistill.distillation.teacher_cache.said import fetched, taken_apart
from xdistill.distillation.teacher_cache.store import TeacherCache
from xdistill.interfaces.network import Network
from xdistill.training.loader import BatchKey
from xdistill.types import Batch, Output

Kept = dict[str, tuple[NDArray[Any], Layout]]


class ByBatch:
    """The memory of a stage with augmentation; a file an epoch, so that what was interrupted is of use.

    Nothing is kept of a teacher that draws random numbers or changes although it is frozen, nor beyond the size that
    the recipe allows a stage.

    Args:
        cache: where the files are.
        network: the teacher.
        decisive: what decides its outputs besides the batches.
        epochs: of the stage.
        device: of the outputs.
    """

    def __init__(
        self,
        cache: TeacherCache,
        network: Network,
        decisive: Mapping[str, Any],
        *,
        epochs: int,
        device: torch.device,
    ) -> None:
        self.active = False
        self._cache = cache
        self._unchanged = Unchanged(network)
        self._decisive = decisive
        self._epochs = epochs
        self._device = device
        self._keeps = True
        self._wanted: set[str] = set()
        self._epoch = _Epoch(None)

    @contextmanager
    def epoch(self, keys: Sequence[BatchKey]) -> Iterator[bool]:
        """Within it, the teacher is asked about these batches; what was computed is kept at the end."""
        batches = [[rows_digest(key.rows), key.seed] for key in keys]
        key = digest({**self._decisive, "what": "outputs by batch", "batches": batches})
        found = kept_outputs(self._cache, key)
        self._epoch = _Epoch(found, subjects=sum(len(key.rows) for key in keys))
        self.active = True
        try:
            yield found is not None and self._wanted <= set(found.values)
        finally:
            self.active = False
        self._close()
        if self._epoch.computed and self._keeps and self._epoch.kept:
            self._keep(key)
        self._epoch = _Epoch(None)

    def output(self, batch: Batch, compute: Callable[[Batch], Output]) -> Output:
        """What the teacher says of the epoch's next batch."""
        self._close()
        return self._epoch.ask(batch, compute, self._device).output()

    def _close(self) -> None:
        """Let go of the last batch; remember of it what was asked for."""
        said = self._epoch.let_go()
        if said is None:
            return
        self._wanted |= said.asked
        self._keeps &= not said.drew
        if self._keeps:
            self._epoch.keep(said)
            self._keeps = self._epoch.size * self._epochs <= self._cache.outputs_mb * 2**20
        if not self._keeps:
            self._epoch.kept = []

    def _keep(self, key: str) -> None:
        outputs = joined(self._epoch.names, self._epoch.kept)
        self._keeps = outputs is not None and bool(self._unchanged)
        if outputs is not None and self._keeps:
            keep_outputs(self._cache, key, outputs)


class _Epoch:
    """What the teacher said in one epoch.

    Args:
        found: what is kept of it from another run.
        subjects: of the epoch.

    Attributes:
        kept: of each batch that is over, what is to be kept.
        names: all that the teacher says.
        computed: whether anything had to be computed.
    """

    def __init__(self, found: Outputs | None, subjects: int = 0) -> None:
        self.kept: list[Kept] = []
        self.names: tuple[str, ...] = ()
        self.computed = False
        self._found = found
        self._subjects = subjects
        self._open: _Said | None = None
        self._next = self._bytes = self._said_of = 0

    def ask(self, batch: Batch, compute: Callable[[Batch], Output], device: torch.device) -> _Said:
        """What the teacher says of the next batch."""
        self._open = _Said(batch, compute, self._found, self._next, device)
        self._next += 1
        return self._open

    def let_go(self) -> _Said | None:
        """The batch that was asked about last; None where there is none."""
        said, self._open = self._open, None
        self.computed |= said is not None and said.computed
        return said

    def keep(self, said: _Said) -> None:
        """Remember of a batch what was asked for."""
        kept = said.kept()
        self.names = said.names
        self.kept.append(kept)
        self._said_of += said.size
        self._bytes += sum(value.nbytes for value, _ in kept.values())

    @property
    def size(self) -> float:
        """Bytes that the epoch comes to, if all subjects take what those so far did."""
        return self._bytes / self._said_of * self._subjects


class _Said:
    """What the teacher said of one batch, found or computed when somebody asks.

    Attributes:
        size: subjects.
        names: all that the teacher says.
        computed: whether it had to be computed.
        drew: whether random numbers were drawn for it.
        asked: names of what somebody asked for.
    """

    def __init__(
        self,
        batch: Batch,
        compute: Callable[[Batch], Output],
        found: Outputs | None,
        index: int,
        device: torch.device,
    ) -> None:
        self.size = len(batch)
        self.computed = self.drew = False
        self._batch, self._compute, self._device = batch, compute, device
        self._found, self._index = found, index
        self._values: dict[str, Tensor] = {}
        self.asked: set[str] = set()
        if found is None or index >= len(found.sizes) or found.sizes[index] != self.size:
            self._found = None
            self._compute_all()
            self.names = tuple(self._values)
        else:
            self.names = found.names

    def output(self) -> Output:
        """An output that knows what it was asked for."""
        return fetched(self.names, self._fetch)

    def kept(self) -> Kept:
        """What was asked for, and what was kept of it already."""
        names = self.asked | set(self._found.values if self._found else ())
        return {name: self._piece(name) for name in self.names if name in names}

    def _piece(self, name: str) -> tuple[NDArray[Any], Layout]:
        value = self._value(name)
        return plain(value), Layout.of(value)

    def _fetch(self, name: str) -> Tensor:
        self.asked.add(name)
        return self._value(name)

    def _value(self, name: str) -> Tensor:
        if name not in self._values:
            if self._found is not None and name in self._found.values:
                self._values[name] = self._found.batch(self._index, name, self._device)
            else:
                self._compute_all()
        return self._values[name]

    def _compute_all(self) -> None:
        self.computed = True
        before = random_state(self._device)
        with torch.no_grad():
            computed = taken_apart(self._compute(self._batch))
        self.drew = not same_random_state(before, random_state(self._device))
        self._values = computed | self._values  # what was handed out already stays what it is
