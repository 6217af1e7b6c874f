"""The engine's training epoch against a bare PyTorch loop that does the same arithmetic.

Both train CMD-Net's default profile on the generated cohort with the same networks, losses, augmentation, clipping and
fused AdamW, one thread; epochs are measured in turn within one process, by the seconds that it computes.

    python benchmarks/perf/step.py [--rounds 7]
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from common import interleaved, report
from torch import Tensor

from xdistill.cohort import TrainingView, build_cohort, default_cache_dir, fit_transforms, make_splits, open_cohort
from xdistill.engine.assemble import assemble
from xdistill.engine.checkpoint import Checkpointer
from xdistill.engine.device import make_fabric
from xdistill.engine.events import Event
from xdistill.engine.loader import Source, channels_last, epoch_keys
from xdistill.engine.networks import build_networks, output_spec
from xdistill.engine.objective import build_term
from xdistill.engine.train import Trainer
from xdistill.interfaces.loss import TrainingFacts
from xdistill.plugin import load_catalog
from xdistill.recipe.load import load_recipe
from xdistill.types import Batch


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    setup = Setup(rounds + 1)
    engine, bare = setup.engine(), Bare(setup)
    next(engine), bare.epoch()  # warm both
    pairs = interleaved(lambda: next(engine), bare.epoch, rounds=rounds, clock=time.process_time)
    subjects = len(setup.rows)
    best = min(first for first, _ in pairs), min(second for _, second in pairs)
    print(
        f"engine {1000 * best[0] / subjects:.2f} ms a subject, bare loop {1000 * best[1] / subjects:.2f} (best epochs)"
    )
    report("engine / bare loop", pairs, goal=1.05)


class Setup:
    """One fold of the flagship recipe, ready to train."""

    def __init__(self, epochs: int) -> None:
        loaded = load_recipe("mvi_hcc", overrides=[f"stages.joint.epochs={epochs}", "compute.accelerator=cpu"])
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
        view = TrainingView(self.cohort, splits.fold(0, 0))
        self.transforms = fit_transforms(self.experiment.transforms, view)
        self.source = Source(self.cohort, self.transforms, self.experiment.modalities, memory_mb=4096)
        self.rows = np.asarray(self.cohort.rows_of(splits.fold(0, 0).train), dtype=np.int64)
        counts = np.bincount(view.targets, minlength=len(self.cohort.schema.classes))
        self.facts = TrainingFacts(self.transforms.schema, tuple(map(int, counts)))
        self.fabric = make_fabric(loaded.recipe.compute)

    def networks(self) -> dict[str, torch.nn.Module]:
        """Fresh networks."""
        return build_networks(self.experiment.networks, self.transforms.schema, seed=0)

    def engine(self) -> Iterator[Event]:
        """The engine; each ``next`` is an epoch."""
        trainer = Trainer(
            experiment=self.experiment,
            networks=self.networks(),
            source=self.source,
            training=self.rows,
            validation=np.array([], dtype=np.int64),
            facts=self.facts,
            fabric=self.fabric,
            checkpointer=Checkpointer(Path(tempfile.mkdtemp()) / "checkpoint.pt", "perf"),
            fold="r0-f0",
            seed=0,
        )
        events = trainer.run()
        next(events)  # the fold has started
        return events


class Bare:
    """A plain loop over tensors in memory."""

    def __init__(self, setup: Setup) -> None:
        networks = setup.networks()
        self.teacher, self.student = networks["teacher"].train(), networks["student"].train()
        schema = setup.transforms.schema
        specs = {role: output_spec(network, schema, device="cpu") for role, network in networks.items()}
        terms = setup.experiment.stages[0].terms
        self.losses = [build_term(term, specs, setup.facts).loss for term in terms]
        self.augment = [choice.build(modalities=schema.modalities) for choice in setup.experiment.augment]
        self.parameters = [*self.teacher.parameters(), *self.student.parameters()]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=1e-3, weight_decay=1e-4, fused=True)
        self.tensors = setup.source._tensors  # noqa: SLF001 - the same tensors, without the engine around them
        self.targets = setup.source._targets  # noqa: SLF001 - likewise
        self.rows, self.number = setup.rows, 0
        self.cohort = setup.cohort

    def epoch(self) -> float:
        """One epoch."""
        total = 0.0
        for key in epoch_keys(self.rows, batch_size=8, drop_last=False, seed=self.number):
            index = torch.from_numpy(key.rows)
            inputs = {name: values[index] for name, values in self.tensors.items()}
            generator = torch.Generator().manual_seed(key.seed)
            for augmentation in self.augment:
                inputs = augmentation(inputs, generator)
            inputs = {name: channels_last(values) for name, values in inputs.items()}
            total += self._step(inputs, self.targets[index])
        self.number += 1
        return total

    def _step(self, inputs: dict[str, Tensor], target: Tensor) -> float:
        present = {name: torch.ones(len(target), dtype=torch.bool) for name in inputs}
        batch = Batch(inputs, present, ("",) * len(target), target)
        teacher, student = self.teacher(batch), self.student(batch)
        fixed = teacher.detached()
        focal_teacher, focal_student, class_kl, feature_kl = self.losses
        loss = (
            focal_teacher(teacher, batch)
            + focal_student(student, batch)
            + class_kl(student, fixed, batch)
            + feature_kl(student, fixed, batch)
        )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 5.0)
        self.optimizer.step()
        value = loss.item()
        assert math.isfinite(value)
        return value


if __name__ == "__main__":
    main()
