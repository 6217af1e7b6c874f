"""Each method tuned within its training part: the same number of settings for all, compared by inner folds.

Test subjects are not in the inner folds, and labels that the training part withholds score nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from cohorts import SEED, Regime, Rows
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from training import Outcome, Part, Trained, fit, recipe_of, split_of, trained
from xdistill.data import ArrayCohort
from xdistill.experiment.unlabelled import labelled_subjects
from xdistill.stats import METRICS

INNER_FOLDS = 2
TUNED = ("alone", "taught", "regression")
LABEL_WEIGHTS = (0.1, 0.3, 0.5, 0.7)


def candidates(method: str, regime: Regime, trials: int) -> list[dict[str, Any]]:
    """The settings that are tried: those of the untuned benchmark, and others drawn at random, the same for all parts.

    Epochs are halved, kept or doubled; the weight decay lies between 0.01 and 1; a taught student's labels have a
    weight of 0.1 to 0.7. The regression's C lies between 0.003 and 3.
    """
    rng = np.random.default_rng(SEED)
    found: list[dict[str, Any]] = []
    for trial in range(trials):
        epochs = int(regime.epochs * (1 if trial == 0 else rng.choice([0.5, 1, 2])))
        decay = 0.1 if trial == 0 else float(10 ** rng.uniform(-2, 0))
        weight = 0.1 if trial == 0 else float(rng.choice(LABEL_WEIGHTS))
        inverse = 0.1 if trial == 0 else float(10 ** rng.uniform(-2.5, 0.5))
        if method == "regression":
            found.append({"student.estimator.C": inverse})
            continue
        stage = "supervised" if method == "alone" else "student"
        own = {f"stages.{stage}.epochs": epochs, "optimizer.weight_decay": decay}
        if method == "taught":
            own["stages.student.objective"] = [
                {"use": "cross_entropy", "on": "student", "weight": weight},
                {"use": "class_kl", "weight": 1 - weight},
            ]
        found.append(own)
    return found


def tuned(part: Part, method: str, trials: int) -> tuple[Outcome, int]:
    """Train a method on a part with the setting that is best in its inner folds; also the number of that setting."""
    settings = candidates(method, part.regime, trials)
    scores = np.mean([list(_inner(part, method, settings, inner)) for inner in _inner_folds(part, method)], axis=0)
    best = int(np.argmax(scores))
    return trained(part, method, settings[best]), best


def _inner_folds(part: Part, method: str) -> Iterator[tuple[ArrayCohort, Rows, Rows]]:
    """The part's subjects with the labels that it does not withhold, and rows to train on and to score."""
    training = part.rows[0]
    experiment = recipe_of(part, method)
    split = split_of(part.cohort, part.rows, part.number)
    known = labelled_subjects(experiment, part.cohort, split)[training]
    cohort = _only(part.cohort, training, known)
    labelled, others = np.flatnonzero(known), np.flatnonzero(~known)
    folds = StratifiedKFold(INNER_FOLDS, shuffle=True, random_state=SEED)
    for learning, held in folds.split(labelled, cohort.targets[labelled]):
        teaching = others if method == "taught" else others[:0]
        yield cohort, np.concatenate([labelled[learning], teaching]), labelled[held]


def _only(cohort: ArrayCohort, rows: Rows, labelled: NDArray[np.bool_]) -> ArrayCohort:
    return ArrayCohort(
        cohort.schema,
        {name: cohort.values(name, rows) for name in cohort.schema.modalities},
        cohort.targets[rows],
        subjects=[cohort.subjects[row] for row in rows],
        labelled=labelled,
    )


def _inner(
    part: Part, method: str, settings: list[dict[str, Any]], inner: tuple[ArrayCohort, Rows, Rows]
) -> Iterator[float]:
    """The score of every setting on the subjects that are held out; all are taught by one teacher."""
    cohort, learning, held = inner
    here = replace(part, regime=replace(part.regime, folder="all"))  # what is withheld has no label in this cohort
    targets = cohort.targets[learning[cohort.labelled[learning]]]
    fewest = int(np.unique(targets, return_counts=True)[1].min())
    folds = {"stages.teacher.cross_fit.folds": min(5, fewest)} if method == "taught" else {}
    teacher: Trained | None = None
    for own in settings:
        experiment = recipe_of(here, method, {**folds, **own})
        found = fit(experiment, cohort, split_of(cohort, (learning, held), part.number), teacher)
        teacher = teacher or (found if method == "taught" else None)
        yield _area(cohort, found, held)


def _area(cohort: ArrayCohort, found: Trained, rows: Rows) -> float:
    """Macro AUC; of the classes that are there where the part is too small for all of them."""
    targets, probabilities = cohort.targets[rows], np.asarray(found.predict("student", rows), dtype=np.float64)
    classes: Mapping[int, int] = {int(label): place for place, label in enumerate(np.unique(targets))}
    own = np.array([classes[int(target)] for target in targets])
    return float(METRICS["auc_ovo"](own, probabilities[:, list(classes)], tuple(map(str, classes))))
