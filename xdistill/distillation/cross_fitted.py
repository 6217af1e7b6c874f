"""A cross-fitted teacher: several networks, each of which teaches only subjects that it did not learn from.

Source: Dao, Kamath, Syrgkanis, Mackey: Knowledge distillation as semiparametric inference, ICLR 2021, section 4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xdistill.errors import LeakError
from xdistill.experiment.context import FoldContext, networks_of_fold
from xdistill.experiment.cross_fitting import inner_folds
from xdistill.experiment.stages.plans import CrossFitPlan
from xdistill.interfaces.loss import TrainingFacts
from xdistill.interfaces.network import Network
from xdistill.training.source import Rows
from xdistill.types import Batch, Output


class CrossFittedTeacher(nn.Module):
    """Returns for each training subject the output of a network that did not learn from it.

    The outputs have no features: those of networks that were trained separately have no common coordinates.

    Args:
        networks: one per inner fold; after these, the network that teaches unlabelled subjects, if there are any.
        folds: rows of the subjects that each network teaches.
        rows_of: rows of some subjects, by id.
    """

    def __init__(
        self, networks: Sequence[Network], folds: Sequence[Rows], rows_of: Callable[[Sequence[str]], Rows]
    ) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks).eval().requires_grad_(requires_grad=False)
        self.inputs = networks[0].inputs
        self._rows_of = rows_of
        self._fold_of = {row: fold for fold, rows in enumerate(folds) for row in rows.tolist()}

    def forward(self, batch: Batch) -> Output:
        """The output for training subjects.

        Raises:
            LeakError: for any other subject.
        """
        rows = self._rows_of(batch.subjects).tolist()
        unknown = [subject for subject, row in zip(batch.subjects, rows, strict=True) if row not in self._fold_of]
        if unknown:
            raise LeakError(f"subject {unknown[0]!r} is in no inner fold, so no cross-fitted teacher may teach it")
        folds = np.array([self._fold_of[row] for row in rows])
        order = np.argsort(folds, kind="stable")
        pieces = [self._answer(fold, batch, np.flatnonzero(folds == fold)) for fold in np.unique(folds).tolist()]
        device = pieces[0].logits.device
        return _joined(pieces).take(torch.from_numpy(np.argsort(order)).to(device))

    def _answer(self, fold: int, batch: Batch, members: Rows) -> Output:
        output: Output = self.networks[fold](batch.take(torch.from_numpy(members).to(_device(batch))))
        return replace(output, features={})


def inner_contexts(context: FoldContext, plan: CrossFitPlan) -> Iterator[tuple[FoldContext, Rows]]:
    """For each inner fold the context in which its teacher is trained, and the rows of the subjects that it teaches.

    The context has the training subjects of all other inner folds, and a teacher with the initial weights of the
    fold's own. Transforms are those of the fold: they are fitted on values alone and see no target.
    """
    experiment, cohort = context.experiment, context.source.cohort
    taught = context.labelled_rows_of("teacher")
    only = {"teacher": experiment.networks["teacher"]}
    folds = inner_folds(
        cohort,
        taught,
        folds=plan.folds,
        stratify=experiment.recipe.crossval.stratify,
        seed=context.seed,
        where=f"fold {context.name}",
    )
    for number, held in enumerate(folds):
        learning = taught[~np.isin(taught, held)]
        inner = replace(
            context,
            experiment=replace(experiment, networks=only, schedule=plan.stages),
            name=f"{context.name}-inner{number}",
            networks=networks_of_fold(only, context.facts.schema, context.fabric, experiment.recipe, seed=context.seed),
            training=learning,
            validation=held[:0],
            facts=TrainingFacts.of(context.facts.schema, context.targets(learning)),
        )
        yield inner, held


def with_unlabelled(folds: Sequence[Rows], unlabelled: Rows, patients: Sequence[str]) -> list[Rows]:
    """The inner folds with subjects without a label, who are taught by a network that learned from all labelled ones.

    A subject whose patient is in an inner fold goes there, so that no network teaches a patient that it learned from.

    Args:
        folds: rows of the labelled subjects of each inner fold.
        unlabelled: rows of the others.
        patients: of all rows.

    Returns:
        The folds, and after them the rows of all others.
    """
    fold_of = {patients[row]: number for number, rows in enumerate(folds) for row in rows.tolist()}
    homes = np.array([fold_of.get(patients[row], len(folds)) for row in unlabelled.tolist()])
    return [np.append(rows, unlabelled[homes == number]) for number, rows in enumerate([*folds, unlabelled[:0]])]


def mean_history(histories: Sequence[Sequence[Mapping[str, Any]]], stage: str) -> list[dict[str, Any]]:
    """The histories of the inner folds as one: means over the folds, but the sum of their seconds.

    Args:
        histories: one per inner fold, all of the same length.
        stage: what the rows are called.
    """
    joined = []
    for epoch, rows in enumerate(zip(*histories, strict=True), start=1):
        numbers = [name for name in rows[0] if name not in {"stage", "epoch", "seconds"}]
        means = {name: fmean(row[name] for row in rows) for name in numbers}
        joined.append({"stage": stage, "epoch": epoch, "seconds": sum(row["seconds"] for row in rows), **means})
    return joined


def _joined(pieces: Sequence[Output]) -> Output:
    aux: Mapping[str, Tensor] = {name: torch.cat([piece.aux[name] for piece in pieces]) for name in pieces[0].aux}
    return Output(logits=torch.cat([piece.logits for piece in pieces]), aux=aux)


def _device(batch: Batch) -> torch.device:
    return next(iter(batch.inputs.values())).device
