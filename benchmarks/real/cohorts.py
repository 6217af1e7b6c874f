"""The cohorts, and how each is divided.

The first two regimes were written down before the first result. The third, `few`, was added after theirs: fewer labels,
more subjects without one, and test subjects none of which the first two were tested on. The cohorts `satimage`,
`spambase` and `segment` were added after the results of the others, and their settings before their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold, StratifiedShuffleSplit, train_test_split

Rows = NDArray[np.int64]
MOST_PARTS = 20
SEED = 20_000


@dataclass(frozen=True)
class Real:
    """One cohort with its student.

    Attributes:
        recipe: ``recipes/real/NAME.yaml``.
        title: for the table.
        privileged: what the teacher reads besides, in words.
        size: subjects of a training part. Half of all subjects is for testing; the other half is cut into disjoint
            parts. 0: the cohort is too small for that, so halves are drawn again and again.
        few: subjects of a training part of the regime `few`; 0: not in it.
        withheld: fraction of labels that are withheld in it; five subjects of each class keep theirs at least.
        same: cohorts with the same patients have the same name here.
    """

    recipe: str
    title: str
    privileged: str
    size: int
    few: int = 0
    withheld: float = 0.0
    same: str = ""


COHORTS = (
    Real("breast_cancer", "Wisconsin breast cancer, errors of measures", "means and worst values", 40, 66, 0.7),
    Real("diabetes", "Diabetes, examination", "blood serum", 31, 51, 0.6),
    Real("digits", "Digits, left half", "right half", 112, 200, 0.7),
    Real("mnist", "MNIST, 4 x 4 pixels", "14 x 14 pixels", 125, 250, 0.8),
    Real("actg175", "ACTG 175, baseline", "cell counts of week 20", 70, 185, 0.7),
    Real("flchain", "Free light chains, blood", "age, sex", 100, 250, 0.8),
    Real("fair", "Affairs, demographic facts", "rating of the marriage, faith", 100, 250, 0.7),
    Real("anes96", "Vote 1996, demographic facts", "political views", 47, 66, 0.6),
    Real("satimage", "Landsat, visible bands", "near infrared", 125, 250, 0.8),
    Real("spambase", "Spam, characters and capitals", "words", 100, 200, 0.8),
    Real("segment", "Outdoor pictures, place and edges", "colours", 70, 140, 0.7),
    Real("breast_genes", "Breast cancer, 76 genes", "clinical items", 0),
    Real("rosmap_mrna", "ROSMAP, mRNA", "methylation, miRNA", 0, same="rosmap"),
    Real("rosmap_methylation", "ROSMAP, methylation", "mRNA, miRNA", 0, same="rosmap"),
    Real("rosmap_mirna", "ROSMAP, miRNA", "mRNA, methylation", 0, same="rosmap"),
)


@dataclass(frozen=True)
class Regime:
    """Which labels there are.

    Attributes:
        title: for the table.
        folder: of its results.
        epochs: of the student.
    """

    title: str
    folder: str
    epochs: int

    def withheld(self, real: Real) -> float:
        """Fraction of the training subjects whose labels are withheld."""
        return {"all": 0.0, "withheld": 0.5, "few": real.withheld}[self.folder]

    def applies(self, real: Real) -> bool:
        """Whether a cohort is in it."""
        return self.folder != "few" or real.few > 0


REGIMES = (
    Regime("all labels", "all", 40),
    Regime("half withheld", "withheld", 40),
    Regime("few labels", "few", 100),
)


def divided(real: Real, regime: Regime, targets: NDArray[np.int64]) -> Iterator[tuple[Rows, Rows]]:
    """Training and test rows of each part, stratified by class.

    Args:
        real: the cohort.
        regime: in `few` other subjects are tested.
        targets: ``(subjects,)``.
    """
    everyone = np.arange(len(targets))
    if not real.size:
        halves = StratifiedShuffleSplit(MOST_PARTS, test_size=0.5, random_state=SEED)
        yield from halves.split(everyone, targets)
        return
    pool, test = train_test_split(everyone, test_size=0.5, stratify=targets, random_state=SEED)
    if regime.folder == "few":
        rest, fresh = train_test_split(pool, test_size=0.6, stratify=targets[pool], random_state=SEED)
        pool, test = np.concatenate([rest, test]), fresh
    count = len(pool) // (real.few if regime.folder == "few" else real.size)
    parts = StratifiedKFold(count, shuffle=True, random_state=SEED).split(pool, targets[pool])
    for _, part in list(parts)[:MOST_PARTS]:
        yield np.sort(pool[part]), np.sort(test)
