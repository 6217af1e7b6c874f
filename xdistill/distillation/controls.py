"""What replaces the teacher in two of the null controls, measured on the trained teacher of the fold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from xdistill.experiment.context import FoldContext
from xdistill.experiment.stages.plans import TermPlan, TrainPlan
from xdistill.tasks import Classification
from xdistill.training.evaluate import EVALUATION_BATCH
from xdistill.training.objective import Term
from xdistill.training.shapes import evaluating
from xdistill.types import Batch, Output


@dataclass(frozen=True)
class Measured:
    """A trained teacher on the training subjects that it is given, in eval mode and without augmentation.

    Attributes:
        entropy: mean over the subjects of the entropy of its class probabilities, in nats.
        features: mean over the subjects of each tap.
        aux: names of its auxiliary logits.
    """

    entropy: float
    features: Mapping[str, Tensor]
    aux: tuple[str, ...]


class ConstantTeacher(nn.Module):
    """Returns the same output for every subject: the class shares as logits, and the trained teacher's mean features.

    Args:
        counts: training subjects of each class; ``logits`` and all auxiliary logits are the log of their shares, so
            that the softmax gives the shares.
        measured: of the trained teacher, for the features.
        logits: in their place, for other tasks.
    """

    inputs: tuple[str, ...] = ()

    def __init__(self, counts: Sequence[int], measured: Measured, logits: Tensor | None = None) -> None:
        super().__init__()
        self.logits: Tensor
        if logits is None:
            total = sum(counts)
            logits = torch.tensor([math.log(max(count, 0.5) / total) for count in counts])
        self.register_buffer("logits", logits)
        self.features = dict(measured.features)
        self.aux = measured.aux

    def forward(self, batch: Batch) -> Output:
        """The constants, once for each subject."""

        def repeated(value: Tensor) -> Tensor:
            return value.to(self.logits.device).expand(len(batch), *value.shape)

        return Output(
            logits=repeated(self.logits),
            features={name: repeated(value) for name, value in self.features.items()},
            aux={name: repeated(self.logits) for name in self.aux},
        )


class SmoothedLabels(nn.Module):
    r"""Kullback-Leibler divergence of the student from smoothed labels.

    .. math:: q_k = (1 - s)\,[k = y] + s / K

    Source: Szegedy et al., Rethinking the Inception architecture for computer vision, CVPR 2016.
    """

    def __init__(self, smoothing: float) -> None:
        super().__init__()
        self.smoothing = smoothing

    def forward(self, output: Output, batch: Batch) -> Float[Tensor, ""]:
        """Mean over the batch."""
        assert batch.target is not None  # noqa: S101 - training batches have targets
        logits = output.logits
        classes = logits.shape[1]
        hard = functional.one_hot(batch.target, classes).to(logits.dtype)
        wanted = (1 - self.smoothing) * hard + self.smoothing / classes
        return functional.kl_div(functional.log_softmax(logits, dim=1), wanted, reduction="batchmean")


def apply_control(
    context: FoldContext, stage: TrainPlan
) -> tuple[Mapping[str, nn.Module], Sequence[TermPlan | Term], dict[str, float]]:
    """The networks and terms of a stage, with the teacher replaced if the stage's control says so.

    Returns:
        Networks by role; terms, of which replacements are already built; figures for the history.
    """
    if not stage.control:
        return context.networks, stage.terms, {}
    measured = _measure(context)
    if stage.control == "constant_teacher":
        constant = ConstantTeacher(context.facts.class_counts, measured, _constant_logits(context))
        constant = constant.to(context.fabric.device)
        return {**context.networks, "teacher": constant}, stage.terms, {}
    smoothing = smoothing_of_entropy(measured.entropy, len(context.facts.class_counts))
    terms = [term for term in stage.terms if term.on]
    return context.networks, [*terms, _smoothed(stage, smoothing)], {"smoothing": smoothing}


def _constant_logits(context: FoldContext) -> Tensor | None:
    """Of the best constant prediction of another task than classification."""
    task = context.facts.schema.task
    if task.kind == Classification.kind:
        return None
    constant = task.constant_prediction(context.targets(context.labelled_rows_of("student")))
    return torch.from_numpy(task.logits_of(constant[None])[0]).float()


def smoothing_of_entropy(entropy: float, classes: int) -> float:
    """The share ``s`` of smoothing at which a smoothed label has this entropy; 1 from the entropy of a guess upwards.

    Args:
        entropy: in nats.
        classes: how many.
    """
    if entropy >= math.log(classes):
        return 1.0
    from scipy.optimize import brentq

    return float(brentq(lambda smoothing: _label_entropy(smoothing, classes) - entropy, 0.0, 1.0, xtol=1e-15))


def _label_entropy(smoothing: float, classes: int) -> float:
    """Entropy of a smoothed label, in nats; it rises with the smoothing."""
    other = smoothing / classes
    own = 1 - smoothing + other
    return -sum(share * math.log(share) for share in (own, *[other] * (classes - 1)) if share > 0)


def _smoothed(stage: TrainPlan, smoothing: float) -> Term:
    """One term in place of all distillation terms, with the sum of their weights."""
    weight = sum(term.weight for term in stage.terms if not term.on)
    return Term(SmoothedLabels(smoothing), label="label_smoothing", on="student", weight=weight)


def _measure(context: FoldContext) -> Measured:
    network, rows = context.teacher, context.rows_of("teacher")
    inputs = context.networks["teacher"].inputs
    entropies: list[Tensor] = []
    sums: dict[str, Tensor] = {}
    aux: tuple[str, ...] = ()
    with evaluating(network), context.fabric.autocast():
        for start in range(0, len(rows), EVALUATION_BATCH):
            batch = context.source.batch(rows[start : start + EVALUATION_BATCH], inputs, target=False)
            output: Output = network(context.prepare(batch))
            chances = torch.log_softmax(output.logits.to(device="cpu", dtype=torch.float64), dim=1)
            entropies.append(-(chances.exp() * chances).sum(dim=1))
            aux = tuple(output.aux)
            for name, value in output.features.items():
                total = value.detach().to(device="cpu", dtype=torch.float64).sum(dim=0)
                sums[name] = sums[name] + total if name in sums else total
    return Measured(
        entropy=float(torch.cat(entropies).mean()),
        features={name: (value / len(rows)).to(torch.float32) for name, value in sums.items()},
        aux=aux,
    )
