"""The data set of subjects that are in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from xdistill.interfaces.dataset import Dataset, DatasetFacts, SubjectRow
from xdistill.types import Schema


class Arrays(Dataset):
    """Describes subjects in memory to `assemble`."""

    name = "arrays"

    def __init__(self, schema: Schema, targets: NDArray[np.int64], labelled: NDArray[np.bool_] | None = None) -> None:
        self._schema = schema
        self._targets = targets
        self._labelled = np.ones(len(targets), dtype=bool) if labelled is None else labelled

    def schema(self) -> Schema:
        """Modalities and classes."""
        return self._schema

    def index(self) -> Sequence[SubjectRow]:
        """Rows and targets."""
        rows = enumerate(zip(self._targets.tolist(), self._labelled, strict=True))
        return [SubjectRow(str(row), str(row), target if known else None) for row, (target, known) in rows]

    def load(self, row: int) -> Mapping[str, NDArray[np.generic] | None]:
        """Not called: the values are in memory already."""
        raise NotImplementedError

    def facts(self) -> DatasetFacts:
        """A title alone."""
        return DatasetFacts("arrays")
