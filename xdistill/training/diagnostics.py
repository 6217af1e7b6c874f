"""What distillation does to the student, epoch by epoch: who pulls how hard, where to, and how alike the networks are.

Measured on training subjects without augmentation and in eval mode, after each epoch. Nothing of it reaches training:
no statistic of batch norm moves and no random number of the training is drawn, so weights are the same bits either way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from xdistill.experiment.networks import evaluating
from xdistill.runs import DIAGNOSTIC
from xdistill.training.forward import Alone
from xdistill.training.loader import Rows
from xdistill.training.objective import Objective
from xdistill.training.step import StepModule
from xdistill.types import Batch, Output

if TYPE_CHECKING:
    from xdistill.training.train import Trainer

PROBES = 128  # subjects that agreement and alignment are measured on
BATCH = 32


def diagnose(trainer: Trainer, module: StepModule, *, batch_size: int) -> dict[str, float]:
    """The figures of one epoch, for the history.

    ``diagnostic.gradient.TERM``: norm of a term's weighted gradient over everything that learns.
    ``diagnostic.cosine``: cosine, over what learns in the student, between the gradients of its task losses and of its
    distillation losses (Du et al., Adapting auxiliary losses using gradient similarity, 2018). Negative: they disagree.
    ``diagnostic.agreement``: share of subjects whom teacher and student give the same class.
    ``diagnostic.cka.TAP``: linear centred kernel alignment of a tap that both have (Kornblith et al., Similarity of
    neural network representations revisited, 2019): 1 when one is the other up to rotation and scale.

    Args:
        trainer: of the fold.
        module: networks and objective of the stage.
        batch_size: subjects that gradients are computed for.
    """
    rows = _spread(trainer.rows_of("teacher"), PROBES)
    with torch.random.fork_rng(), _eval(module), trainer.fabric.autocast():
        batch = _batch(trainer, _spread(rows, batch_size))
        figures = _gradients(module, batch)
        if len(module.objective.roles) > 1:
            figures |= _likeness(trainer, module, rows)
    return {f"{DIAGNOSTIC}{name}": value for name, value in figures.items()}


def _spread(rows: Rows, count: int) -> Rows:
    """At most so many rows, evenly spread over all, the same at every epoch."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(np.int64))]


def _batch(trainer: Trainer, rows: Rows) -> Batch:
    return trainer.prepare(trainer.source.batch(rows, trainer.source.modalities, target=True))


@contextmanager
def _eval(module: nn.Module) -> Iterator[None]:
    """Eval mode with gradients; afterwards every part is in the mode in which it was."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


def _gradients(module: StepModule, batch: Batch) -> dict[str, float]:
    learning = {name: value for name, value in module.named_parameters() if value.requires_grad}
    outputs, taught = module.outputs(batch, Alone())
    values = module.objective.values(outputs, batch, taught)
    by_term = {
        term.plan.label: _gradient(term.plan.weight * values[term.plan.label], list(learning.values()))
        for term in module.objective.active
        if term.plan.label in values
    }
    figures = {f"gradient.{label}": _norm(gradients) for label, gradients in by_term.items()}
    of_student = [place for place, name in enumerate(learning) if name.startswith("networks.student.")]
    task, distillation = _sides(module.objective, by_term, of_student)
    if task and distillation:
        figures["cosine"] = _cosine(task, distillation)
    return figures


def _gradient(value: Tensor, parameters: Sequence[Tensor]) -> list[Tensor | None]:
    if not value.requires_grad:
        return [None] * len(parameters)
    return list(torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True))


def _sides(
    objective: Objective, by_term: Mapping[str, Sequence[Tensor | None]], places: Sequence[int]
) -> tuple[list[Tensor | None], list[Tensor | None]]:
    """The student's gradients, summed over its task losses and over the distillation losses; empty for none."""
    task = [
        by_term[term.plan.label]
        for term in objective.active
        if term.plan.on == "student" and term.plan.label in by_term
    ]
    other = [by_term[term.plan.label] for term in objective.active if not term.plan.on and term.plan.label in by_term]
    return _sum(task, places), _sum(other, places)


def _sum(terms: Sequence[Sequence[Tensor | None]], places: Sequence[int]) -> list[Tensor | None]:
    if not terms:
        return []
    total: list[Tensor | None] = []
    for place in places:
        there = [gradient for term in terms if (gradient := term[place]) is not None]
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


def _likeness(trainer: Trainer, module: StepModule, rows: Rows) -> dict[str, float]:
    teacher, student = (_outputs(trainer, module, role, rows) for role in ("teacher", "student"))
    same = teacher.logits.argmax(dim=1) == student.logits.argmax(dim=1)
    shared = [tap for tap in student.features if tap in teacher.features]
    return {
        "agreement": float(same.float().mean()),
        **{f"cka.{tap}": cka(student.features[tap], teacher.features[tap]) for tap in shared},
    }


def _outputs(trainer: Trainer, module: StepModule, role: str, rows: Rows) -> Output:
    """The output for all these subjects, on the processor."""
    network, pieces = module.networks[role], []
    with evaluating(network):
        for start in range(0, len(rows), BATCH):
            batch = trainer.source.batch(rows[start : start + BATCH], module.inputs[role], target=False)
            pieces.append(network(trainer.prepare(batch)))
    taps = pieces[0].features
    return Output(
        logits=torch.cat([piece.logits.float().cpu() for piece in pieces]),
        features={tap: torch.cat([piece.features[tap].float().cpu() for piece in pieces]) for tap in taps},
    )


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
