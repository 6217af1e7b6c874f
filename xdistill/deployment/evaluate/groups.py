"""Figures of subgroups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from xdistill.deployment.evaluate.cohort import Labelled, subgroups
from xdistill.deployment.evaluate.facts import counts_of
from xdistill.deployment.evaluate.intervals import Bootstrap, Figure
from xdistill.deployment.evaluate.result import Subgroup
from xdistill.deployment.evaluate.scores import Called, one_auc, operating_figures, standard_metrics
from xdistill.models import StudentModel
from xdistill.stats.areas import Floats

SHARES = ("sensitivity", "specificity")


def subgroup_figures(
    model: StudentModel, bootstrap: Bootstrap, probabilities: Floats, column: str, positives: Sequence[Called]
) -> Iterator[Subgroup]:
    """Each subgroup by a column; intervals see the same draws of patients as those of the whole cohort."""
    cohort = bootstrap.cohort
    for value, rows in subgroups(cohort, column).items():
        part = cohort.at(np.flatnonzero(rows).tolist())
        figures = _figures(model, part, probabilities[rows], positives)
        yield Subgroup(
            column=column,
            value=value,
            subjects=len(part.subjects),
            patients=len(set(part.patients)),
            counts=counts_of(model, part),
            metrics=bootstrap.estimates({name: _restricted(figure, rows) for name, figure in figures.items()}),
        )


def _figures(
    model: StudentModel, part: Labelled, probabilities: Floats, positives: Sequence[Called]
) -> dict[str, Figure]:
    task = model.schema.task
    standard = standard_metrics(task, part.targets, probabilities)
    figures = {name: standard[name] for name in task.few if name in standard}
    for item in positives:
        name = task.names[item.positive]
        positive, probability = part.positive(task, item.positive), probabilities[:, item.positive]
        figures[f"auc:{name}"] = one_auc(positive, probability)
        shares = operating_figures(positive, probability, item.threshold)
        figures |= {f"{share}:{name}": shares[share] for share in SHARES}
    return figures


def _restricted(figure: Figure, rows: NDArray[np.bool_]) -> Figure:
    return lambda counts: figure(counts[rows])
