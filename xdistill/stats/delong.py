"""The difference of two correlated areas under ROC curves (DeLong et al. 1988), also for clustered subjects.

Subjects of one patient are not independent. Obuchowski (1997) sums DeLong's structural components over the subjects of
a patient before variances are taken; with one subject per patient that is DeLong's method.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xdistill.stats.areas import Floats

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class DeLong:
    """Two areas and the test of their difference.

    Attributes:
        areas: of the two scores.
        difference: first - second.
        standard_error: of the difference.
        interval: of 95 % by the normal distribution.
        p_value: two-sided; 1 if both scores order all pairs alike.
    """

    areas: tuple[float, float]
    difference: float
    standard_error: float
    interval: tuple[float, float]
    p_value: float


def delong(positive: Flags, first: Floats, second: Floats, patients: Sequence[str] | None = None) -> DeLong | None:
    """Compare the areas of two scores of the same subjects.

    Args:
        positive: who is positive, ``(subjects,)``.
        first: a score, ``(subjects,)``, higher for positives.
        second: the other.
        patients: one per subject; None: every subject is a patient.

    Returns:
        None if there are fewer than two patients with positive or with negative subjects.
    """
    from scipy.special import ndtr

    names = np.arange(len(positive)) if patients is None else np.asarray(patients)
    _, patient = np.unique(names, return_inverse=True)
    if min(len(np.unique(patient[positive])), len(np.unique(patient[~positive]))) < 2:  # noqa: PLR2004 - a variance takes two
        return None
    areas, cases, controls = zip(*(_components(positive, score) for score in (first, second)), strict=True)
    covariance = _covariance(positive, patient, np.array(areas), np.stack(cases), np.stack(controls))
    difference = float(areas[0] - areas[1])
    error = float(np.sqrt(max(0.0, covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])))
    half = 1.959963984540054 * error
    p_value = float(2 * ndtr(-abs(difference) / error)) if error > 0 else float(difference == 0)
    return DeLong(
        (float(areas[0]), float(areas[1])), difference, error, (difference - half, difference + half), p_value
    )


def _components(positive: Flags, score: Floats) -> tuple[float, Floats, Floats]:
    """The area, and for each subject of either kind the share of the other kind that it beats."""
    from scipy.stats import rankdata

    cases, controls = score[positive], score[~positive]
    ranks = rankdata(np.concatenate([cases, controls]))
    of_case = (ranks[: len(cases)] - rankdata(cases)) / len(controls)
    of_control = 1 - (ranks[len(cases) :] - rankdata(controls)) / len(cases)
    return float(of_case.mean()), of_case, of_control


def _covariance(
    positive: Flags, patient: NDArray[np.intp], areas: Floats, of_case: Floats, of_control: Floats
) -> Floats:
    """Covariance of the two areas, ``(2, 2)``; Obuchowski 1997, equations 4 to 7."""
    total = int(patient.max()) + 1

    def sums(rows: Flags, components: Floats) -> tuple[Floats, int, int]:
        """Centred components summed over each patient's subjects ``(2, patients)``, subjects, and patients."""
        owner = patient[rows]
        centred = components - areas[:, None]
        summed: Floats = np.stack(
            [np.bincount(owner, weights=row, minlength=total).astype(np.float64) for row in centred]
        )
        return summed, len(owner), len(np.unique(owner))

    cases, case_count, case_patients = sums(positive, of_case)
    controls, control_count, control_patients = sums(~positive, of_control)
    within_cases = case_patients / ((case_patients - 1) * case_count) * (cases @ cases.T)
    within_controls = control_patients / ((control_patients - 1) * control_count) * (controls @ controls.T)
    between = total / (total - 1) * (cases @ controls.T)
    result: Floats = (
        within_cases / case_count
        + within_controls / control_count
        + (between + between.T) / (case_count * control_count)
    )
    return result
