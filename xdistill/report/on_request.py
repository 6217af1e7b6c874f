"""The figures of a run, drawn on demand; matplotlib is only loaded then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xdistill.runs import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from xdistill.data import Cohort


@dataclass(frozen=True)
class Figures:
    """The figures of a run, drawn on demand; each is a matplotlib ``Figure``."""

    run: Run
    cohort: Cohort | None

    def folds(self) -> Figure:
        """AUC of every fold."""
        from xdistill.report.figures import folds_figure

        return folds_figure(self.run)

    def roc(self) -> Figure:
        """ROC curves by class pair."""
        from xdistill.report.figures import roc_figure

        return roc_figure(self.run)

    def confusion(self) -> Figure:
        """Confusion matrix of the student."""
        from xdistill.report.figures import confusion_figure

        return confusion_figure(self.run)

    def reliability(self) -> Figure:
        """Reliability diagram."""
        from xdistill.report.figures import reliability_figure

        return reliability_figure(self.run)

    def learning_curves(self) -> Figure:
        """Losses by term over the epochs."""
        from xdistill.report.figures import learning_curves_figure

        return learning_curves_figure(self.run)

    def slices(self) -> Figure | None:
        """A slice of a few test subjects with the prediction; None without a cohort or without images."""
        from xdistill.report.figures import slices_figure

        return None if self.cohort is None else slices_figure(self.run, self.cohort)
