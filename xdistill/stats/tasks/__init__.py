"""Metrics of tasks other than classification: pure functions of target, predictions and names."""

from collections.abc import Mapping

from xdistill.stats.tasks import multi_label, ordinal, regression, survival
from xdistill.stats.tasks.functions import MetricFunction

TASK_METRICS: Mapping[str, MetricFunction] = {
    "mae": regression.mae,
    "rmse": regression.rmse,
    "r2": regression.r2,
    "pearson": regression.pearson,
    "qwk": ordinal.quadratic_weighted_kappa,
    "grade_mae": ordinal.grade_error,
    "grade_accuracy": ordinal.grade_accuracy,
    "label_auc": multi_label.macro_auc,
    "label_ap": multi_label.mean_average_precision,
    "label_f1": multi_label.macro_f1,
    "label_f1_micro": multi_label.micro_f1,
    "exact_match": multi_label.subset_accuracy,
    "label_brier": multi_label.brier,
    "concordance": survival.concordance,
    "time_dependent_auc": survival.time_dependent_auc,
    "integrated_brier": survival.integrated_brier,
}
"""By the names that tasks call them in `Task.scores`."""
