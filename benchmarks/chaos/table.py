"""Counts of outcomes, as one table."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

GOOD = ("same bytes", "found", "harmless", "refused", "accepted")


@dataclass
class Table:
    """Outcomes by what was done to what."""

    rows: dict[str, Counter[str]] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)

    def count(self, what: str, outcome: str, example: str = "", *, times: int = 1) -> None:
        """Add one outcome; the first examples of bad ones are kept."""
        self.rows.setdefault(what, Counter())[outcome] += times
        if outcome not in GOOD and example and len(self.examples) < 20:
            self.examples.append(f"{what}: {outcome}: {example}")

    @property
    def bad(self) -> int:
        """How many outcomes are none of the good ones."""
        return sum(count for row in self.rows.values() for outcome, count in row.items() if outcome not in GOOD)

    def text(self) -> str:
        """Markdown."""
        outcomes = [*GOOD, *sorted({name for row in self.rows.values() for name in row} - set(GOOD))]
        outcomes = [name for name in outcomes if any(row[name] for row in self.rows.values())]
        lines = [f"| what | times | {' | '.join(outcomes)} |", f"|---|{'---|' * (len(outcomes) + 1)}"]
        for what, row in self.rows.items():
            lines.append(f"| {what} | {sum(row.values())} | {' | '.join(str(row[name] or '') for name in outcomes)} |")
        return "\n".join([*lines, *(["", *self.examples] if self.examples else [])])
