"""Statistics of predictions: pure functions."""

from xdistill.stats.metrics import METRICS, MetricFunction, Summary, fold_metrics, pairwise_auc, summarise
from xdistill.stats.predictions import FoldPredictions, Predictions, read_predictions, write_predictions

__all__ = [
    "METRICS",
    "FoldPredictions",
    "MetricFunction",
    "Predictions",
    "Summary",
    "fold_metrics",
    "pairwise_auc",
    "read_predictions",
    "summarise",
    "write_predictions",
]
