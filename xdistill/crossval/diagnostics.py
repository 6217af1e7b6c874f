"""How distillation acts on the student: gradient norms by term, their direction, and how alike the networks are.

Measured after each epoch on training subjects, without augmentation and in eval mode. Training is not affected: batch
norm statistics do not move and no random number of the training is drawn, so the weights are the same bits either way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from xdistill.interfaces.callback import Callback
from xdistill.runs import DIAGNOSTIC
from xdistill.training.forward import Forward
from xdistill.training.model import DistillationModel, complete_subjects
from xdistill.training.objective import Objective
from xdistill.training.shapes import evaluating
from xdistill.training.source import Rows, Source
from xdistill.types import Batch, Output

if TYPE_CHECKING:
    from lightning_fabric import Fabric

PROBES = 128  # subjects that agreement and alignment are measured on
BATCH = 32


class Diagnostics(Callback):
    """Adds figures to the history after each epoch.

    ``diagnostic.gradient.TERM``: norm of a term's weighted gradient over all trained parameters.
    ``diagnostic.cosine``: cosine, over the student's trained parameters, between the gradients of its task losses and
    of its distillation losses (Du et al., Adapting auxiliary losses using gradient similarity, 2018). If it is
    negative, they disagree.
    ``diagnostic.agreement``: share of subjects for which teacher and student predict the same class.
    ``diagnostic.cka.TAP``: linear centred kernel alignment of a tap that both have (Kornblith et al., Similarity of
    neural network representations revisited, 2019): 1 if one is the other up to rotation and scale.

    Args:
        source: of the subjects.
        rows: of the training subjects that the teacher is given.
        prepare: moves a batch to the device.
        batch_size: subjects that gradients are computed for.
    """

    name = "diagnostics"

    def __init__(self, source: Source, rows: Rows, prepare: Callable[[Batch], Batch], *, batch_size: int) -> None:
        super().__init__()
        self.source = source
        self.rows = _evenly(rows, PROBES)
        self.prepare = prepare
        self.batch_size = batch_size

    def on_epoch_end(self, trainer: Any, logs: dict[str, Any]) -> None:
        """Measure."""
        model: DistillationModel = trainer.model
        fabric: Fabric = trainer.fabric
        with torch.random.fork_rng(), _eval(model), fabric.autocast():
            rows = _evenly(self.rows, self.batch_size)
            figures = _gradients(model, self.prepare(self.source.batch(rows, self.source.modalities, target=True)))
            if len(model.objective.roles) > 1:
                figures |= self._likeness(model)
        logs |= {f"{DIAGNOSTIC}{name}": value for name, value in figures.items()}

    def _likeness(self, model: DistillationModel) -> dict[str, float]:
        teacher, student = (self._outputs(model, role) for role in ("teacher", "student"))
        same = teacher.logits.argmax(dim=1) == student.logits.argmax(dim=1)
        shared = [tap for tap in student.features if tap in teacher.features]
        return {
            "agreement": float(same.float().mean()),
            **{f"cka.{tap}": cka(student.features[tap], teacher.features[tap]) for tap in shared},
        }

    def _outputs(self, model: DistillationModel, role: str) -> Output:
        """The output for all probes, on the CPU."""
        network, pieces = model.networks[role], []
        with evaluating(network):
            for start in range(0, len(self.rows), BATCH):
                batch = self.source.batch(self.rows[start : start + BATCH], model.inputs[role], target=False)
                pieces.append(network(self.prepare(batch)))
        taps = pieces[0].features
        return Output(
            logits=torch.cat([piece.logits.float().cpu() for piece in pieces]),
            features={tap: torch.cat([piece.features[tap].float().cpu() for piece in pieces]) for tap in taps},
        )


def _evenly(rows: Rows, count: int) -> Rows:
    """At most so many rows, evenly spaced, the same in every epoch."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(np.int64))]


@contextmanager
def _eval(module: nn.Module) -> Iterator[None]:
    """Eval mode with gradients; afterwards every module is in the mode that it was in."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


def _gradients(model: DistillationModel, batch: Batch) -> dict[str, float]:
    learning = {name: value for name, value in model.named_parameters() if value.requires_grad}
    batch = batch.with_gradients() if model.objective.needs_grad else batch
    taught = complete_subjects(batch, model.required)
    values: dict[str, Tensor] = model.objective(model.outputs(batch, taught, Forward()), batch, taught)
    by_term = {
        term.label: _gradient(term.weight * values[term.label], list(learning.values()))
        for term in model.objective.active
        if term.label in values
    }
    figures = {f"gradient.{label}": _norm(gradients) for label, gradients in by_term.items()}
    of_student = [index for index, name in enumerate(learning) if name.startswith("networks.student.")]
    task, distillation = _sides(model.objective, by_term, of_student)
    if task and distillation:
        figures["cosine"] = _cosine(task, distillation)
    return figures


def _gradient(value: Tensor, parameters: Sequence[Tensor]) -> list[Tensor | None]:
    if not value.requires_grad:
        return [None] * len(parameters)
    return list(torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True))


def _sides(
    objective: Objective, by_term: Mapping[str, Sequence[Tensor | None]], indices: Sequence[int]
) -> tuple[list[Tensor | None], list[Tensor | None]]:
    """The student's gradients, summed over its task losses and over the distillation losses; empty for none."""
    task = [by_term[term.label] for term in objective.active if term.on == "student" and term.label in by_term]
    other = [by_term[term.label] for term in objective.active if not term.on and term.label in by_term]
    return _sum(task, indices), _sum(other, indices)


def _sum(terms: Sequence[Sequence[Tensor | None]], indices: Sequence[int]) -> list[Tensor | None]:
    if not terms:
        return []
    total: list[Tensor | None] = []
    for index in indices:
        there = [gradient for term in terms if (gradient := term[index]) is not None]
        total.append(torch.stack([gradient.float() for gradient in there]).sum(dim=0) if there else None)
    return total


def _norm(gradients: Sequence[Tensor | None]) -> float:
    squares = [gradient.float().pow(2).sum() for gradient in gradients if gradient is not None]
    return float(torch.stack(squares).sum().sqrt()) if squares else 0.0


def _cosine(first: Sequence[Tensor | None], second: Sequence[Tensor | None]) -> float:
    """Cosine between two gradients; 0 where one of them is zero."""
    product = sum(
        float((ours * theirs).sum())
        for ours, theirs in zip(first, second, strict=True)
        if ours is not None and theirs is not None
    )
    lengths = _norm(first) * _norm(second)
    return product / lengths if lengths else 0.0


def cka(first: Tensor, second: Tensor) -> float:
    """Linear centred kernel alignment of two features of the same subjects, ``(subjects, …)`` each; 0 for a constant.

    Computed from the subjects' inner products, which are as many as subjects squared however long the features are.
    """
    ours, theirs = (_centred_products(value) for value in (first, second))
    lengths = float(ours.norm() * theirs.norm())
    return float((ours * theirs).sum()) / lengths if lengths else 0.0


def _centred_products(value: Tensor) -> Tensor:
    flat = value.flatten(1).double()
    flat = flat - flat.mean(dim=0, keepdim=True)
    return flat @ flat.T
