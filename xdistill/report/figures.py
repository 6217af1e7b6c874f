"""The figures of a run, for the page and for notebooks; each is a matplotlib figure of its own."""

from xdistill.report.calibration import reliability_figure
from xdistill.report.confusion import confusion_figure
from xdistill.report.folds import folds_figure
from xdistill.report.learning import learning_curves_figure
from xdistill.report.roc import roc_figure
from xdistill.report.slices import slices_figure

__all__ = [
    "confusion_figure",
    "folds_figure",
    "learning_curves_figure",
    "reliability_figure",
    "roc_figure",
    "slices_figure",
]
