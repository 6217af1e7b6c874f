"""The suite of task losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from xdistill.interfaces.loss import TrainingFacts
from xdistill.testing.helpers.loss_suite import LossConformance, Sample, leaves
from xdistill.testing.helpers.samples import sample_output
from xdistill.testing.helpers.tensors import seeded
from xdistill.testing.suite import promised, require
from xdistill.types import Batch, Output, OutputSpec

_CONFIDENT = 4.0
_TRAINING = 10  # subjects


@dataclass(frozen=True)
class GoldenTask:
    """A value known from elsewhere.

    Attributes:
        logits: ``(batch, classes)``, best in float64; as many classes as the suite has.
        target: ``(batch,)``.
        value: of the loss.
        settings: instead of the suite's.
        tolerance: allowed difference, as a share of the value (of one, if the value is smaller).
        source: where the value comes from.
    """

    logits: Tensor
    target: Tensor
    value: float
    settings: Mapping[str, Any] = field(default_factory=dict)
    tolerance: float = 1e-6
    source: str = ""


class TaskLossConformance(LossConformance):
    """What a task loss has to do.

    Attributes:
        class_counts: training subjects of each class; empty for other tasks than classification.
        scores_logits: the loss is lower for logits that favour the target.
        golden: values known from elsewhere.
    """

    kind = "task_loss"
    class_counts: tuple[int, ...] = (6, 3, 1)
    scores_logits: ClassVar[bool] = True
    golden: ClassVar[Sequence[GoldenTask]] = ()

    def built(self, shape: tuple[int, ...], *, seed: int = 0, settings: Mapping[str, Any] | None = None) -> nn.Module:
        """The loss, on a network with features of this shape."""
        given = self.settings if settings is None else settings
        config = self.checked(given)
        factory: Any = self.component
        with seeded(seed):
            loss: nn.Module = factory(
                config,
                output=OutputSpec(outputs=self.classes, features=dict.fromkeys(self.taps, shape)),
                training=TrainingFacts(self.schema, self.class_counts, self._training_targets()),
            )
        return loss

    def sample(self, shape: tuple[int, ...], *, subjects: int = 6, seed: int = 0) -> Sample:
        """The output of one network."""
        output = sample_output(dict.fromkeys(self.taps, shape), subjects=subjects, classes=self.classes, seed=seed)
        return Sample(leaves(output), None, self.subjects(subjects))

    def value(self, loss: nn.Module, sample: Sample) -> Tensor:
        """Call the loss."""
        value: Tensor = loss(sample.student, sample.batch)
        return value

    @promised("scores_logits")
    def test_the_target_is_preferred(self) -> None:
        """A confident right prediction has a lower loss than a confident wrong one."""
        loss, sample = self.built(self.shape), self.sample(self.shape)
        target = _target(sample.batch)
        right, wrong = (
            float(self.value(loss, self._sure(sample, answer)).detach().float().sum())
            for answer in (target, (target + 1) % self.classes)
        )
        require(right < wrong, f"right predictions have a loss of {right:.4g}, and wrong ones {wrong:.4g}")

    @promised("golden")
    def test_golden_values(self) -> None:
        """The values that are known from elsewhere."""
        for golden in self.golden:
            loss = self.built(self.shape, settings=golden.settings or self.settings).to(golden.logits.dtype)
            subjects = self.subjects(len(golden.logits))
            batch = Batch(subjects.inputs, subjects.present, subjects.subjects, golden.target)
            value = float(loss(Output(logits=golden.logits), batch).detach())
            bound = golden.tolerance * max(1.0, abs(golden.value))
            where = f"{golden.source}: " if golden.source else ""
            require(abs(value - golden.value) <= bound, f"{where}{value!r} instead of {golden.value!r}")

    def _training_targets(self) -> NDArray[Any]:
        task = self.schema.task
        return task.as_targets(task.sample_targets(_TRAINING).numpy())

    def _sure(self, sample: Sample, answer: Tensor) -> Sample:
        logits = _CONFIDENT * F.one_hot(answer, self.classes).float()
        output = Output(logits=logits, features=sample.student.features)
        return Sample(output, None, sample.batch)


def _target(batch: Batch) -> Tensor:
    return torch.zeros(len(batch), dtype=torch.long) if batch.target is None else batch.target
