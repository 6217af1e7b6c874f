"""What was detected, while a manifest was read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from xdistill.tables import Reading, Table


@dataclass
class Story:
    """What was detected, while a manifest was read.

    Attributes:
        notes: for people, in order.
        columns: how cells are read, by modality and column; JSON-ready.
    """

    notes: list[str] = field(default_factory=list)
    columns: dict[str, Any] = field(default_factory=dict)

    def tell_file(self, table: Table) -> None:
        """Note how a file was read."""
        if table.how:
            self.notes.append(f"{table.file.name}: {', '.join(table.how)}")

    def tell_columns(self, modality: str, readings: Sequence[Reading]) -> None:
        """Note how columns are read that are not plain."""
        self.notes += [f"{modality}, {one.name!r}: {'; '.join(one.notes)}" for one in readings if one.notes]
        odd = {one.name: {**one.to_json(), "notes": []} for one in readings if not one.is_plain}
        if odd:
            self.columns[modality] = odd

    def leave_out(self, modality: str, column: str, why: str) -> None:
        """Note that a column is not a clinical value."""
        self.notes.append(f"{modality}, {column!r}: {why}; left out")
        self.columns.setdefault("left out", []).append(f"{modality}/{column}")
