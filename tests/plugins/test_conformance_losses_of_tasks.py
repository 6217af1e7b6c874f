"""Every loss of another task than classification passes the suite of its kind."""

from __future__ import annotations

from dataclasses import replace

from xdistill.tasks import MultiLabel, Ordinal, Regression, Survival
from xdistill.testing import DistillationLossConformance, TaskLossConformance
from xdistill.testing.helpers.samples import SCHEMA
from xdistill_losses import xdistill_distillation_losses, xdistill_task_losses

TASK_LOSSES = {loss.name: loss for loss in xdistill_task_losses()}
DISTILLATION_LOSSES = {loss.name: loss for loss in xdistill_distillation_losses()}

TASKS = {
    "regression": Regression(("age", "dose")),
    "corn": Ordinal(("low", "middle", "high", "highest")),
    "cumulative_link": Ordinal(("low", "middle", "high", "highest"), "cumulative_link"),
    "labels": MultiLabel(("rash", "fever", "cough")),
    "cox": Survival(),
    "discrete": Survival("discrete", (1.0, 2.0, 4.0)),
}
ZERO = {"at_identity": "zero"}

# The name of the test class: the loss, its settings, the task.
OF_ONE_NETWORK = {
    "Mse": ("mse", {}, "regression"),
    "L1": ("l1", {}, "regression"),
    "Huber": ("huber", {"delta": 0.5}, "regression"),
    "Corn": ("corn", {}, "corn"),
    "CumulativeLink": ("cumulative_link", {}, "cumulative_link"),
    "BinaryCrossEntropy": ("binary_cross_entropy", {"positive_weight": "inverse_frequency"}, "labels"),
    "Cox": ("cox", {}, "cox"),
    "CoxBreslow": ("cox", {"ties": "breslow"}, "cox"),
    "DiscreteTime": ("discrete_time", {}, "discrete"),
    "DiscreteTimeOfCuts": ("discrete_time", {"cuts": (1.0, 1.5, 2.0)}, "discrete"),
}
# And what it promises.
OF_TWO_NETWORKS = {
    "PredictionMse": ("prediction_mse", {}, "regression", ZERO),
    "TeacherBounded": ("teacher_bounded", {"margin": 0.1}, "regression", {}),
    "DistributionMatching": ("distribution_matching", {}, "regression", ZERO),
    "SoftOrdinal": ("soft_ordinal", {}, "corn", ZERO),
    "SoftOrdinalOfLinks": ("soft_ordinal", {"link": "cumulative_link"}, "cumulative_link", ZERO),
    "SoftBinary": ("soft_binary", {}, "labels", ZERO),
    "RiskRanking": ("risk_ranking", {}, "cox", ZERO),
    "RiskRankingOfHazards": ("risk_ranking", {"temperature": 2}, "discrete", ZERO),
    "HazardKl": ("hazard_kl", {}, "discrete", ZERO),
}


def members(component, settings, task):
    return {
        "component": component,
        "settings": settings,
        "schema": replace(SCHEMA, task=TASKS[task]),
        "classes": TASKS[task].outputs,
        "__module__": __name__,
    }


for title, (name, settings, task) in OF_ONE_NETWORK.items():
    own = {**members(TASK_LOSSES[name], settings, task), "class_counts": (), "scores_logits": False}
    globals()[f"Test{title}"] = type(f"Test{title}", (TaskLossConformance,), own)

for title, (name, settings, task, promises) in OF_TWO_NETWORKS.items():
    own = {**members(DISTILLATION_LOSSES[name], settings, task), **promises}
    globals()[f"Test{title}"] = type(f"Test{title}", (DistillationLossConformance,), own)


def test_no_loss_is_left_out():
    tested = {name for name, *_ in (*OF_ONE_NETWORK.values(), *OF_TWO_NETWORKS.values())}
    losses = {*TASK_LOSSES.values(), *DISTILLATION_LOSSES.values()}
    assert tested == {loss.name for loss in losses if getattr(loss, "tasks", ()) not in {(), ("classification",)}}
