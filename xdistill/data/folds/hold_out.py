"""Holds out a part of the training subjects for validation, patients kept whole."""

from __future__ import annotations

from fractions import Fraction
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from xdistill.errors import DataError
from xdistill.recipe.schema.crossval import Crossval

Rows = NDArray[np.int64]
_FINEST = 20  # folds by which a fraction of patients with several labels is approximated


def hold_out(
    patients: NDArray[np.str_], labels: Rows | None, learning: Rows, crossval: Crossval, where: str
) -> tuple[Rows, Rows]:
    """Training and validation rows, stratified; all subjects of a patient are in the same part.

    Args:
        patients: one per subject of the cohort.
        labels: strata of all subjects; None: not stratified.
        learning: rows to be divided.
        crossval: with the fraction for validation and the seed.
        where: the fold, for the seed.

    Raises:
        DataError: if the fraction cannot be held out.
    """
    if not crossval.validation:
        return learning, learning[:0]
    from sklearn.model_selection import train_test_split

    names, first = np.unique(patients[learning], return_index=True)
    if labels is not None and _differ(patients[learning], labels[learning]):
        return _hold_out_groups(patients, labels, learning, crossval, where)
    try:
        _, held_out = train_test_split(
            names,
            test_size=crossval.validation,
            random_state=seed_of(crossval, f"validation/{where}"),
            stratify=None if labels is None else labels[learning][first],
        )
    except ValueError as error:
        raise DataError(
            f"a fraction of {crossval.validation} of {len(names)} training patients cannot be held out for validation "
            f"({error}); change `crossval.validation` or `crossval.folds`"
        ) from error
    chosen = np.isin(patients[learning], held_out)
    return learning[~chosen], learning[chosen]


def _differ(patients: NDArray[np.str_], labels: Rows) -> bool:
    """Whether a patient has subjects of several strata, such as lesions of several grades."""
    _, first, inverse = np.unique(patients, return_index=True, return_inverse=True)
    return bool((labels[first][inverse] != labels).any())


def _hold_out_groups(
    patients: NDArray[np.str_], labels: Rows, learning: Rows, crossval: Crossval, where: str
) -> tuple[Rows, Rows]:
    """The same where a patient has subjects of several strata: some of the folds of a stratified group k-fold.

    The fraction is approximated by m of k folds, k at most `_FINEST` and the subjects of the smallest stratum.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    groups, strata = patients[learning], labels[learning]
    finest = min(_FINEST, len(np.unique(groups)), int(np.unique(strata, return_counts=True)[1].min()))
    share = Fraction(crossval.validation).limit_denominator(max(finest, 1))
    if finest < 2 or share >= 1:  # noqa: PLR2004 - one fold for each part
        raise DataError(
            f"a fraction of {crossval.validation} of {len(np.unique(groups))} training patients cannot be held out for "
            f"validation; change `crossval.validation` or `crossval.folds`"
        )
    parts, held_out = (share.denominator, share.numerator) if share else (finest, 1)
    folds = StratifiedGroupKFold(parts, shuffle=True, random_state=seed_of(crossval, f"validation/{where}"))
    tests = [test for _, test in folds.split(learning, strata, groups)][:held_out]
    chosen = np.isin(np.arange(len(learning)), np.concatenate(tests))
    return learning[~chosen], learning[chosen]


def seed_of(crossval: Crossval, purpose: str) -> int:
    """An independent seed for each purpose, so that repeats of successive seeds are unrelated."""
    return int.from_bytes(sha256(f"xdistill/splits/{crossval.seed}/{purpose}".encode()).digest()[:4])
