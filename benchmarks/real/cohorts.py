"""The cohorts, and how each is divided. Everything here was written down before the first result."""

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
        same: cohorts with the same patients have the same name here.
    """

    recipe: str
    title: str
    privileged: str
    size: int
    same: str = ""


COHORTS = (
    Real("breast_cancer", "Wisconsin breast cancer, errors of measures", "means and worst values", 40),
    Real("diabetes", "Diabetes, examination", "blood serum", 31),
    Real("digits", "Digits, left half", "right half", 112),
    Real("mnist", "MNIST, 4 x 4 pixels", "14 x 14 pixels", 125),
    Real("actg175", "ACTG 175, baseline", "cell counts of week 20", 70),
    Real("flchain", "Free light chains, blood", "age, sex", 100),
    Real("fair", "Affairs, demographic facts", "rating of the marriage, faith", 100),
    Real("anes96", "Vote 1996, demographic facts", "political views", 47),
    Real("breast_genes", "Breast cancer, 76 genes", "clinical items", 0),
    Real("rosmap_mrna", "ROSMAP, mRNA", "methylation, miRNA", 0, "rosmap"),
    Real("rosmap_methylation", "ROSMAP, methylation", "mRNA, miRNA", 0, "rosmap"),
    Real("rosmap_mirna", "ROSMAP, miRNA", "mRNA, methylation", 0, "rosmap"),
)
WITHHELD = 0.5
"""Fraction of the training subjects whose labels are withheld, in the second half of the comparisons."""


def divided(real: Real, targets: NDArray[np.int64]) -> Iterator[tuple[Rows, Rows]]:
    """Training and test rows of each part, stratified by class.

    Args:
        real: the cohort.
        targets: ``(subjects,)``.
    """
    everyone = np.arange(len(targets))
    if not real.size:
        halves = StratifiedShuffleSplit(MOST_PARTS, test_size=0.5, random_state=SEED)
        yield from halves.split(everyone, targets)
        return
    pool, test = train_test_split(everyone, test_size=0.5, stratify=targets, random_state=SEED)
    count = len(pool) // real.size
    parts = StratifiedKFold(count, shuffle=True, random_state=SEED).split(pool, targets[pool])
    for _, part in list(parts)[:MOST_PARTS]:
        yield np.sort(pool[part]), np.sort(test)
