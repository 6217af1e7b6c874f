"""The page of a study: one self-contained HTML file, in the style of a run's."""

from xdistill.tuning.report.page import render_study, write_study_report

__all__ = ["render_study", "write_study_report"]
