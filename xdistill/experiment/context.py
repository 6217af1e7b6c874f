"""The context of one fold: everything that its stages read, and nothing that they change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from xdistill.experiment.missing import Mask, ModalityDropout, imputed_of_student
from xdistill.experiment.networks import build_networks
from xdistill.experiment.plans import Experiment
from xdistill.interfaces.component import Choice
from xdistill.interfaces.loss import TrainingFacts
from xdistill.interfaces.network import Network
from xdistill.recipe.schema.recipe import Recipe
from xdistill.training.evaluate import predict
from xdistill.training.loader import channels_last
from xdistill.training.source import Rows, Source
from xdistill.types import Batch, Schema

if TYPE_CHECKING:
    from lightning_fabric import Fabric  # takes seconds, which the driver need not spend


def networks_of_fold(
    choices: Mapping[str, Choice[Any]], schema: Schema, fabric: Fabric, recipe: Recipe, *, seed: int
) -> dict[str, Network]:
    """The networks of a fold with their initial weights, by role, on the device and in its memory format."""
    networks = build_networks(choices, schema, seed=seed)
    for network in networks.values():
        network.to(fabric.device)
        if recipe.compute.channels_last and fabric.device.type != "cpu":
            _channels_last(network)  # on a CPU the layout of the images decides, and weights are faster as they are
    return networks


def _channels_last(network: Network) -> None:
    """Store the weights of convolutions channels-last, as the images are."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.data = channels_last(parameter.data)


@dataclass(frozen=True)
class FoldContext:
    """What is trained on which subjects.

    Attributes:
        experiment: what to do.
        name: of the fold, such as ``r0-f3``.
        seed: of the fold.
        networks: by role; on the fabric's device.
        source: the cohort after the transforms of this split.
        training: rows of the training subjects.
        validation: rows of those that choose the best epoch; may be empty.
        facts: what task losses may know.
        fabric: device and precision.
        taught: which of the cohort's subjects the teacher is given, ``(cohort,)``.
        labelled: which of them have a label for training, ``(cohort,)``.
        cross_fitted: what teaches the training subjects in place of the teacher; None: the teacher itself.
    """

    experiment: Experiment
    name: str
    seed: int
    networks: Mapping[str, Network]
    source: Source
    training: Rows
    validation: Rows
    facts: TrainingFacts
    fabric: Fabric
    taught: Mask
    labelled: Mask
    cross_fitted: nn.Module | None = None

    @property
    def required(self) -> tuple[str, ...]:
        """The modalities without which a subject of a batch is not passed to the teacher."""
        skips = self.experiment.recipe.missing.use == "skip" and "teacher" in self.experiment.facts
        if not skips:
            return ()
        imputed = imputed_of_student(self.experiment, self.source.cohort.schema)
        return tuple(name for name in self.experiment.facts["teacher"].inputs if name not in imputed)

    @property
    def leads(self) -> bool:
        """Whether this process writes and measures: the first of those that train the fold together."""
        return bool(self.fabric.is_global_zero)

    @property
    def teacher(self) -> nn.Module:
        """What teaches the training subjects."""
        return self.cross_fitted or self.networks["teacher"]

    def rows_of(self, role: str) -> Rows:
        """The training subjects that a network is given."""
        return self.training[self.taught[self.training]] if role == "teacher" else self.training

    def labelled_rows_of(self, role: str) -> Rows:
        """Those of them that have a label."""
        rows = self.rows_of(role)
        return rows[self.labelled[rows]]

    def facts_of(self, role: str) -> TrainingFacts:
        """What a task loss on a network may know: facts of the labelled subjects that the network is given."""
        rows = self.labelled_rows_of(role)
        if len(rows) == len(self.labelled_rows_of("student")):
            return self.facts
        return TrainingFacts.of(self.facts.schema, self.targets(rows))

    def targets(self, rows: Rows) -> NDArray[Any]:
        """Targets of some subjects, for classification ``(subjects,)``."""
        return np.asarray(self.source.cohort.targets)[rows]

    def dropout(self) -> ModalityDropout | None:
        """What removes privileged modalities at random; None unless the recipe asks for it."""
        missing, privileged = self.experiment.recipe.missing, self.experiment.privileged
        if missing.use != "modality_dropout" or not privileged:
            return None
        return ModalityDropout(missing.rate, {name: self.source.placeholder(name) for name in privileged})

    def prepare(self, batch: Batch) -> Batch:
        """The batch on the device, with images channels-last if the recipe says so."""
        moved = batch.to(self.fabric.device)
        if not self.experiment.recipe.compute.channels_last:
            return moved
        return replace(moved, inputs={name: channels_last(value) for name, value in moved.inputs.items()})

    def predict(self, role: str, rows: Rows) -> NDArray[np.float64]:
        """Predictions of a network for some subjects, ``(subjects, classes)``."""
        return predict(self.networks[role], self.source, rows, fabric=self.fabric, prepare=self.prepare)
