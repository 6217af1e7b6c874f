"""Reports of runs: one self-contained page, and its figures for notebooks (`xdistill.report.figures`)."""

from xdistill.report.page import render_report, write_report

__all__ = ["render_report", "write_report"]
