"""Training on all subjects, in this process, without files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.arrays.modalities import Modalities, common_length
from xdistill.arrays.reading import by_name, learn_spec, listed, read_values
from xdistill.crossval.events import EpochEnded
from xdistill.crossval.fold import make_context
from xdistill.crossval.fold_run import FoldRun
from xdistill.data import ArrayCohort
from xdistill.data.splitting import training_split
from xdistill.errors import UserError
from xdistill.estimator.dataset import Arrays
from xdistill.estimator.recipes import modalities_of
from xdistill.experiment.assemble import assemble
from xdistill.experiment.identity import versions
from xdistill.experiment.missing import check_presence
from xdistill.experiment.plans import Experiment, modality_of
from xdistill.interfaces.callback import Callback
from xdistill.interfaces.network import Network
from xdistill.models.describe import describe_student
from xdistill.models.ensemble import Member, check_available
from xdistill.models.model import StudentModel
from xdistill.models.restore import transforms_of
from xdistill.plugin import Catalog
from xdistill.recipe.loaded import LoadedRecipe
from xdistill.types import Schema


@dataclass(frozen=True)
class Training:
    """What comes of training: the student, the teacher, one row per epoch, the recipe with its defaults filled in."""

    model: StudentModel
    teacher: Network | None
    privileged: tuple[str, ...]
    history: list[dict[str, Any]]
    recipe: dict[str, Any]


def train(
    loaded: LoadedRecipe,
    catalog: Catalog,
    X: Any,  # noqa: N803 - scikit-learn's name
    targets: NDArray[np.int64],
    classes: Sequence[str],
    *,
    labelled: NDArray[np.bool_],
    groups: Sequence[str] | None = None,
    callbacks: Sequence[Callback] = (),
    verbose: bool = False,
) -> Training:
    """Train the recipe's stages on all subjects.

    Args:
        loaded: the recipe.
        catalog: what it may name.
        X: a mapping from modality to values, or a `Modalities`.
        targets: class indices, ``(subjects,)``.
        classes: names of the classes.
        labelled: which subjects have a label, ``(subjects,)``; the targets of the others are not read.
        groups: of the subjects; a group is not divided where some are held out to choose the epoch.
        callbacks: called by the trainer, after those of the recipe.
        verbose: print a line per epoch.

    Raises:
        UserError: if ``X`` does not fit the recipe.
    """
    given = by_name(X)
    _check_given(given, modalities_of(loaded))
    specs = {name: learn_spec(name, value) for name, value in given.items()}
    values = {name: read_values(name, specs[name], value) for name, value in given.items()}
    schema = Schema(specs, tuple(classes))
    check_available(loaded.recipe.compute)
    experiment = assemble(loaded, catalog, dataset=Arrays(schema, targets, labelled))
    _check_used(experiment, given, X.privileged if isinstance(X, Modalities) else ())
    present = _present(experiment, values)
    cohort = ArrayCohort(schema, values, targets, labelled=labelled, present=present)
    check_presence(experiment, cohort)
    patients = cohort.subjects if groups is None else groups
    crossval = experiment.recipe.crossval
    split = training_split(cohort.subjects, patients, targets, classes, crossval, labelled=labelled)
    run = FoldRun(make_context(experiment, cohort, split, "fit"), callbacks=callbacks)
    for event in run.events():
        if verbose and isinstance(event, EpochEnded):
            losses = ", ".join(f"{name} {value:.4g}" for name, value in event.losses.items())
            print(f"{event.stage}, epoch {event.epoch}: {losses} ({event.seconds:.1f} s)")  # noqa: T201 - verbose
    networks = {role: _for_prediction(network) for role, network in run.context.networks.items()}
    config = describe_student(experiment, cohort, versions=versions(experiment.components, catalog), files=False)
    transforms = transforms_of(config, catalog, run.context.source.transforms.state())
    return Training(
        model=StudentModel(config, (Member("fit", networks["student"], transforms),)),
        teacher=networks.get("teacher"),
        privileged=experiment.privileged,
        history=run.progress.history,
        recipe=experiment.resolved(),
    )


def _for_prediction(network: Network) -> Network:
    network.zero_grad(set_to_none=True)
    return network.cpu().eval().requires_grad_(requires_grad=False)


def _present(experiment: Experiment, values: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.bool_]]:
    """Who has a modality: a row of NaN alone is none, where the recipe says what to do about it."""
    if experiment.recipe.missing.use == "refuse":
        return {}
    present = {}
    for name in experiment.privileged:
        present[name] = ~np.isnan(values[name]).reshape(len(values[name]), -1).all(axis=1)
    return present


def _check_given(given: Mapping[str, Any], wanted: Sequence[str]) -> None:
    common_length(given)
    for name in wanted:
        if name not in given:
            raise UserError(f"`X` has no modality `{name}`; the recipe reads {listed(wanted)}")


def _check_used(experiment: Experiment, given: Mapping[str, Any], declared: Sequence[str]) -> None:
    read = dict.fromkeys([*experiment.modalities, *map(modality_of, experiment.transforms)])
    for name in given:
        if name not in read:
            raise UserError(f"`X` has the unknown modality `{name}`; the recipe reads {listed(read)}")
    for name in declared:
        if name in experiment.facts["student"].inputs:
            raise UserError(
                f"`X` declares `{name}` privileged, and the recipe's student reads it; change one of the two"
            )
