"""Calibration of a model: temperature scaling, conformal prediction sets and intervals, operating thresholds.

Everything is fitted on out-of-fold predictions of training subjects.
"""

from xdistill.models.calibration.calibration import Calibration
from xdistill.models.calibration.conformal import ClassScores, Conformal
from xdistill.models.calibration.operating import OperatingCurve, Threshold
from xdistill.models.calibration.out_of_fold import OutOfFold
from xdistill.models.calibration.residuals import Intervals
from xdistill.models.calibration.temperature import relative_spread

__all__ = [
    "Calibration",
    "ClassScores",
    "Conformal",
    "Intervals",
    "OperatingCurve",
    "OutOfFold",
    "Threshold",
    "relative_spread",
]
