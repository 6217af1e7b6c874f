"""The job that engine, bare loop, other frameworks and the plain script all do: one fold of the flagship recipe."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from xdistill.crossval.events import Event
from xdistill.crossval.fold import make_context
from xdistill.crossval.fold_run import FoldRun
from xdistill.data import build_cohort, default_cache_dir, make_splits, open_cohort
from xdistill.experiment.assemble import assemble
from xdistill.experiment.networks import build_term
from xdistill.interfaces.network import Network
from xdistill.plugin import load_catalog
from xdistill.recipe.load import load_recipe
from xdistill.runs import fold_name
from xdistill.training.checkpoint import Checkpointer
from xdistill.training.loader import channels_last
from xdistill.training.shapes import output_spec
from xdistill.types import Batch

BATCH, CLIP, RATE, DECAY = 8, 5.0, 1e-3, 1e-4  # as the recipe has them


class Setup:
    """One fold of the flagship recipe, ready to train.

    Args:
        epochs: of the joint stage.
        fold: of the first repeat.
        overrides: of the recipe, such as ``data.subjects=40``.
    """

    def __init__(self, epochs: int, *, fold: int = 0, overrides: tuple[str, ...] = ()) -> None:
        loaded = load_recipe(
            "mvi_hcc", overrides=[f"stages.joint.epochs={epochs}", "compute.accelerator=cpu", *overrides]
        )
        self.experiment = assemble(loaded, load_catalog())
        self.cohort = open_cohort(
            build_cohort(self.experiment.data, loaded.recipe.cache, directory=default_cache_dir())
        )
        splits = make_splits(
            self.cohort.subjects,
            self.cohort.patients,
            self.cohort.targets,
            self.cohort.schema.classes,
            loaded.recipe.crossval,
            self.cohort.fingerprint,
        )
        split = splits.fold(0, fold)
        self.context = make_context(self.experiment, self.cohort, split, fold_name(0, fold))
        self.source, self.facts, self.rows = self.context.source, self.context.facts, self.context.training
        self.transforms = self.source.transforms
        self.test = np.asarray(self.cohort.rows_of(split.test), dtype=np.int64)

    def networks(self) -> dict[str, Network]:
        """Fresh networks."""
        return copy.deepcopy(dict(self.context.networks))

    def engine(self) -> Iterator[Event]:
        """The engine, set up and started; each ``next`` is an epoch. Checkpoints are written."""
        checkpointer = Checkpointer(Path(tempfile.mkdtemp()) / "checkpoint.pt", "perf")
        events = FoldRun(replace(self.context, networks=self.networks()), checkpointer).events()
        next(events)  # the fold has started
        return events

    def tensors(self) -> tuple[dict[str, Tensor], Tensor]:
        """Inputs after the transforms and targets of the whole cohort, in memory."""
        everyone = self.source.batch(np.arange(len(self.cohort)), self.source.modalities, target=True)
        assert everyone.target is not None
        return dict(everyone.inputs), everyone.target


class Joint(nn.Module):
    """Teacher and student with the four terms of the recipe, without the engine around them.

    Args:
        setup: of the fold.
        tuned: volumes channels-last, as the engine keeps them.
    """

    def __init__(self, setup: Setup, *, tuned: bool) -> None:
        super().__init__()
        networks = setup.networks()
        self.teacher, self.student = networks["teacher"].train(), networks["student"].train()
        schema = setup.transforms.schema
        specs = {role: output_spec(network, schema, device="cpu") for role, network in networks.items()}
        terms = setup.experiment.stages[0].terms
        self.losses = nn.ModuleList(build_term(term, specs, setup.facts).loss for term in terms)
        self.augment = [choice.build(modalities=schema.modalities) for choice in setup.experiment.augment]
        self.tuned = tuned

    def augmented(self, inputs: Mapping[str, Tensor], generator: torch.Generator) -> Mapping[str, Tensor]:
        """A training batch, changed at random; channels-last where that is asked for."""
        for augmentation in self.augment:
            inputs = augmentation(inputs, generator)
        return {name: channels_last(values) for name, values in inputs.items()} if self.tuned else inputs

    def forward(self, inputs: Mapping[str, Tensor], target: Tensor) -> Tensor:
        """The sum of the terms."""
        batch = as_batch(inputs, target)
        teacher, student = self.teacher(batch), self.student(batch)
        fixed = teacher.detached()
        focal_teacher, focal_student, class_kl, feature_kl = self.losses
        total: Tensor = (
            focal_teacher(teacher, batch)
            + focal_student(student, batch)
            + class_kl(student, fixed, batch)
            + feature_kl(student, fixed, batch)
        )
        return total

    def optimizer(self) -> torch.optim.Optimizer:
        """AdamW: fused where the job is tuned, else as it comes."""
        return torch.optim.AdamW(self.parameters(), lr=RATE, weight_decay=DECAY, fused=True if self.tuned else None)


def as_batch(inputs: Mapping[str, Tensor], target: Tensor | None = None) -> Batch:
    """Subjects who have everything."""
    count = len(next(iter(inputs.values())))
    present = {name: torch.ones(count, dtype=torch.bool) for name in inputs}
    return Batch(inputs, present, ("",) * count, target)


class Subjects(Dataset[tuple[dict[str, Tensor], Tensor]]):
    """Some subjects one by one, as a user of PyTorch would hand them to a ``DataLoader``."""

    def __init__(self, inputs: Mapping[str, Tensor], targets: Tensor, rows: np.ndarray) -> None:
        self.inputs, self.targets, self.rows = inputs, targets, rows.tolist()

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> tuple[dict[str, Tensor], Tensor]:
        row = self.rows[place]
        return {name: values[row] for name, values in self.inputs.items()}, self.targets[row]


def loader_of(setup: Setup) -> DataLoader[tuple[dict[str, Tensor], Tensor]]:
    """Shuffled training batches."""
    return DataLoader(Subjects(*setup.tensors(), setup.rows), batch_size=BATCH, shuffle=True)


def training_loop(model: Joint, batches: DataLoader[tuple[dict[str, Tensor], Tensor]], epochs: int) -> float:
    """The plain loop of PyTorch's tutorials; returns the last epoch's sum of losses."""
    optimizer = model.optimizer()
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * len(batches))
    generator, total = torch.Generator().manual_seed(0), 0.0
    for _ in range(epochs):
        total = 0.0
        for inputs, target in batches:
            loss = model(model.augmented(inputs, generator), target)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimizer.step()
            schedule.step()
            total += loss.item()
    return total
