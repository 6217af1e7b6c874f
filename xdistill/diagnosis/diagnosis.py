"""A diagnosis: figures, verdict and advice."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from xdistill.diagnosis.figures import Figures
from xdistill.diagnosis.verdict import Verdict


@dataclass(frozen=True)
class Diagnosis:
    """Whether distillation can help a recipe.

    Attributes:
        recipe: its name.
        verdict: what follows; see `VERDICTS`.
        advice: in words, the verdict first.
        figures: what was measured.
        quick: whether epochs and folds were reduced.
        runs: folders of the runs that the figures come from.
    """

    recipe: str
    verdict: Verdict
    advice: tuple[str, ...]
    figures: Figures
    quick: bool
    runs: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)
