"""One student on one training part, in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from cohorts import Real, Regime, Rows
from numpy.typing import NDArray

from xdistill.crossval.fold import make_context
from xdistill.crossval.fold_run import FoldRun
from xdistill.data import ArrayCohort, Split
from xdistill.experiment.assemble import assemble
from xdistill.experiment.context import FoldContext as Trained
from xdistill.experiment.plans import Experiment
from xdistill.interfaces.dataset import Dataset
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


@dataclass(frozen=True)
class Part:
    """A training part of a cohort.

    Attributes:
        real: the cohort.
        regime: which labels there are.
        number: of the part, which is the seed too.
        rows: for training and for testing.
        cohort: all subjects.
        catalog: what recipes may name.
    """

    real: Real
    regime: Regime
    number: int
    rows: tuple[Rows, Rows]
    cohort: ArrayCohort
    catalog: Catalog


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


@cache
def dataset_of(recipe: str, catalog: Catalog) -> Dataset:
    """The data set of a cohort, which is read once."""
    return assemble(load_recipe(f"recipes/real/{recipe}.yaml"), catalog).data.build()


def opened(real: Real, catalog: Catalog) -> ArrayCohort:
    """All subjects of a cohort, in memory."""
    data = dataset_of(real.recipe, catalog)
    rows = data.index()
    values = list(data.load_many(range(len(rows))))
    arrays = {name: np.stack([subject[name] for subject in values]) for name in data.schema().modalities}
    return ArrayCohort(data.schema(), arrays, [row.target for row in rows], subjects=[row.subject for row in rows])


def recipe_of(part: Part, method: str, settings: Mapping[str, Any] | None = None) -> Experiment:
    """What a method trains; the number of the part is also the seed, the same for all methods."""
    own = {**changes(part.real, method, part.regime), "seed": part.number, "compute": {"accelerator": "cpu"}}
    loaded = load_recipe(f"recipes/real/{part.real.recipe}.yaml", overrides={**own, **(settings or {})})
    return assemble(loaded, part.catalog, dataset=dataset_of(part.real.recipe, part.catalog))


def split_of(cohort: ArrayCohort, rows: tuple[Rows, Rows], part: int) -> Split:
    """Training and test subjects."""
    train, test = (tuple(cohort.subjects[row] for row in chosen) for chosen in rows)
    return Split(repeat=0, fold=part, train=train, validation=(), test=test)


def fit(experiment: Experiment, cohort: ArrayCohort, split: Split, teacher: Trained | None = None) -> Trained:
    """Train what a recipe says.

    Args:
        experiment: the recipe.
        cohort: all subjects.
        split: those of the part.
        teacher: what was trained before on the same subjects: its cross-fitted teacher teaches again.
    """
    context = make_context(experiment, cohort, split, split.name)
    if teacher is not None:
        students = replace(experiment, schedule=experiment.schedule[-1:])
        context = replace(context, experiment=students, cross_fitted=teacher.cross_fitted)
    run = FoldRun(context)
    for _ in run.events():
        pass
    return run.context


def trained(part: Part, method: str, settings: Mapping[str, Any] | None = None) -> Outcome:
    """Train a method on a part; ``settings`` are further changes of its recipe."""
    cohort, test = part.cohort, part.rows[1]
    context = fit(recipe_of(part, method, settings), cohort, split_of(cohort, part.rows, part.number))
    teacher = float("nan")
    if "teacher" in context.networks:
        predicted = np.asarray(context.predict("teacher", test), dtype=np.float64)
        teacher = float(METRICS["auc_ovo"](context.targets(test), predicted, tuple(cohort.schema.classes)))
    return Outcome(np.asarray(context.predict("student", test), dtype=np.float64), teacher)
