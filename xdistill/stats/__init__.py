"""Statistics of predictions: pure functions."""

from xdistill.stats.bootstrap import Interval, observed_scores, resampled_scores
from xdistill.stats.compare import ALPHA, Against, Row, compare, is_bold, is_significant, paper_compat
from xdistill.stats.distillation import GapClosed, agreement, gap_closed, gaps_closed
from xdistill.stats.intervals import mean_intervals
from xdistill.stats.methods import Method, ScoredFold, align
from xdistill.stats.metrics import LOWER_IS_BETTER, METRICS, Summary, fold_metrics, pairwise_auc, summarise
from xdistill.stats.predictions import FoldPredictions, Predictions, read_predictions, write_predictions
from xdistill.stats.significance import TTest, corrected_resampled_t, holm, mean_test_share, naive_paired_t
from xdistill.stats.tasks.functions import MetricFunction

__all__ = [
    "ALPHA",
    "LOWER_IS_BETTER",
    "METRICS",
    "Against",
    "FoldPredictions",
    "GapClosed",
    "Interval",
    "Method",
    "MetricFunction",
    "Predictions",
    "Row",
    "ScoredFold",
    "Summary",
    "TTest",
    "agreement",
    "align",
    "compare",
    "corrected_resampled_t",
    "fold_metrics",
    "gap_closed",
    "gaps_closed",
    "holm",
    "is_bold",
    "is_significant",
    "mean_intervals",
    "mean_test_share",
    "naive_paired_t",
    "observed_scores",
    "pairwise_auc",
    "paper_compat",
    "read_predictions",
    "resampled_scores",
    "summarise",
    "write_predictions",
]
