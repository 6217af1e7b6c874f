"""One student on one training part, in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from cohorts import Real, Regime, Rows
from numpy.typing import NDArray

from xdistill.crossval.fold import make_context
from xdistill.crossval.fold_run import FoldRun
from xdistill.data import ArrayCohort, Split
from xdistill.experiment.assemble import assemble
from xdistill.plugin import Catalog
from xdistill.recipe.load import load_recipe
from xdistill.stats import METRICS

METHODS = ("alone", "taught", "shuffled", "regression")
"""The student alone; taught by the cross-fitted teacher; likewise with shuffled privileged values; and, as a reference,
scikit-learn's logistic regression on the student's modality."""


@dataclass(frozen=True)
class Outcome:
    """What one method gave on one part.

    Attributes:
        probabilities: of the student for the test subjects, ``(test, classes)``.
        teacher: macro AUC of the teacher for them; NaN without one.
    """

    probabilities: NDArray[np.float64]
    teacher: float


def changes(real: Real, method: str, regime: Regime) -> dict[str, Any]:
    """What a method changes in the recipe of the cohort."""
    recipe = load_recipe(f"recipes/real/{real.recipe}.yaml").recipe
    withheld = regime.withheld(real)
    found: dict[str, Any] = {"unlabelled": {"fraction": withheld}} if withheld else {}
    if method == "shuffled":
        found["control"] = "shuffled_privileged"
    if method in {"taught", "shuffled"}:
        return {**found, "stages.student.epochs": regime.epochs}
    inputs = recipe.student.settings()["inputs"]
    supervised = {"train": ["student"], "epochs": regime.epochs, "objective": [{"use": "cross_entropy"}]}
    fitted = {"fit": ["student.estimator"]}
    found |= {
        "privileged": None,
        "teacher": None,
        "transforms": [{"use": "tabular", "modality": name} for name in inputs],
        "stages": [{"name": "supervised", **(supervised if method == "alone" else fitted)}],
    }
    if method == "regression":
        estimator = {"use": "logistic_regression", "C": 0.1}
        found["student"] = {"use": "fitted", "inputs": list(inputs), "estimator": estimator}
    return found


def opened(real: Real, catalog: Catalog) -> ArrayCohort:
    """All subjects of a cohort, in memory."""
    data = assemble(load_recipe(f"recipes/real/{real.recipe}.yaml"), catalog).data.build()
    rows = data.index()
    values = list(data.load_many(range(len(rows))))
    arrays = {name: np.stack([subject[name] for subject in values]) for name in data.schema().modalities}
    return ArrayCohort(data.schema(), arrays, [row.target for row in rows], subjects=[row.subject for row in rows])


def trained(
    real: Real,
    method: str,
    regime: Regime,
    *,
    part: int,
    rows: tuple[Rows, Rows],
    cohort: ArrayCohort,
    catalog: Catalog,
) -> Outcome:
    """Train a method on one part; the number of the part is also the seed, the same for all methods."""
    settings = {**changes(real, method, regime), "seed": part, "compute": {"accelerator": "cpu"}}
    loaded = load_recipe(f"recipes/real/{real.recipe}.yaml", overrides=settings)
    train, test = (tuple(cohort.subjects[row] for row in chosen) for chosen in rows)
    split = Split(repeat=0, fold=part, train=train, validation=(), test=test)
    context = make_context(assemble(loaded, catalog), cohort, split, f"r0-f{part}")
    for _ in FoldRun(context).events():
        pass
    teacher = float("nan")
    if "teacher" in context.networks:
        predicted = np.asarray(context.predict("teacher", rows[1]), dtype=np.float64)
        teacher = float(METRICS["auc_ovo"](context.targets(rows[1]), predicted, tuple(cohort.schema.classes)))
    return Outcome(np.asarray(context.predict("student", rows[1]), dtype=np.float64), teacher)
