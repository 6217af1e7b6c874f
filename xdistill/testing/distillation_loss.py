"""The suite of distillation losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from xdistill.errors import SettingsError
from xdistill.testing.helpers.connected import connected
from xdistill.testing.helpers.loss_suite import LossConformance, Sample, leaves
from xdistill.testing.helpers.samples import sample_output, tensors_of
from xdistill.testing.helpers.tensors import seeded
from xdistill.testing.suite import promised, require
from xdistill.types import Batch, Output, OutputSpec

_STEP = 1e-2  # how far from the teacher a minimum is compared with its neighbours
_NEIGHBOURS = 8
_ZERO = 1e-6


@dataclass(frozen=True)
class GoldenDistillation:
    """A value known from elsewhere.

    Attributes:
        student: the student's output, preferably in float64.
        teacher: the teacher's output.
        value: of the loss.
        settings: instead of the suite's.
        tolerance: allowed difference, as a share of the value (of one, if the value is smaller).
        source: where the value comes from.
    """

    student: Output
    teacher: Output
    value: float
    settings: Mapping[str, Any] = field(default_factory=dict)
    tolerance: float = 1e-6
    source: str = ""


class DistillationLossConformance(LossConformance):
    """What a distillation loss has to do.

    Attributes:
        at_identity: what the loss promises where the student's output is the teacher's: ``zero``, ``minimal``, or
            nothing.
        unequal_widths: student and teacher whose features differ in length are ``accepted``, or ``refused`` with a
            `SettingsError` when the loss is built; empty: the loss reads no features.
        golden: values known from elsewhere.
    """

    kind = "distillation_loss"
    at_identity: ClassVar[Literal["", "zero", "minimal"]] = ""
    unequal_widths: ClassVar[Literal["", "accepted", "refused"]] = ""
    golden: ClassVar[Sequence[GoldenDistillation]] = ()

    def built(
        self, shape: tuple[int, ...], *, seed: int = 0, teacher_shape: tuple[int, ...] | None = None
    ) -> nn.Module:
        """The loss for features of this shape, and of another in the teacher where given."""
        with seeded(seed):
            loss: nn.Module = self.choice().build(student=self._spec(shape), teacher=self._spec(teacher_shape or shape))
        return loss

    def sample(
        self,
        shape: tuple[int, ...],
        *,
        subjects: int = 6,
        seed: int = 0,
        teacher_shape: tuple[int, ...] | None = None,
    ) -> Sample:
        """Outputs of two networks that know nothing of each other."""
        student = sample_output(dict.fromkeys(self.taps, shape), subjects=subjects, classes=self.classes, seed=seed)
        teacher = sample_output(
            dict.fromkeys(self.taps, teacher_shape or shape), subjects=subjects, classes=self.classes, seed=seed + 100
        )
        return Sample(leaves(student), teacher, self.subjects(subjects))

    def value(self, loss: nn.Module, sample: Sample) -> Tensor:
        """Call the loss; one with ``needs_grad`` gets outputs that a network could have computed from the batch."""
        student, teacher, batch = sample.student, sample.teacher, sample.batch
        if teacher is None or not getattr(loss, "needs_grad", False):
            plain: Tensor = loss(student, teacher, batch)
            return plain
        with torch.enable_grad():
            batch = batch.with_gradients()
            value: Tensor = loss(connected(student, batch), connected(teacher, batch), batch)
        return value

    def test_teacher_gets_no_gradient(self) -> None:
        """The teacher's output, detached from the graph as the trainer passes it, stays detached."""
        sample = self.sample(self.shape)
        self.differentiated(self.built(self.shape), sample)
        for name, value in tensors_of(sample.teacher or sample.student).items():
            require(not value.requires_grad and value.grad is None, f"the teacher's {name} collects a gradient")

    @promised("at_identity")
    def test_identity(self) -> None:
        """If both outputs are equal, the loss is zero or minimal, as promised."""
        loss = self.built(self.shape)
        teacher = sample_output(dict.fromkeys(self.taps, self.shape), classes=self.classes)
        here = self._at(loss, teacher, teacher)
        if self.at_identity == "zero":
            require(abs(here) <= _ZERO, f"the loss of a student that is the teacher is {here:.3g}, not zero")
        for seed in range(_NEIGHBOURS):
            nearby = self._at(loss, _moved(teacher, seed), teacher)
            require(nearby >= here - _ZERO, f"the loss falls from {here:.6g} to {nearby:.6g} away from the teacher")

    @promised("unequal_widths")
    def test_unequal_widths(self) -> None:
        """Features that differ in length are adapted, or refused before anything is trained."""
        for name, shape in self.feature_shapes.items():
            wider = (shape[0] + 3, *shape[1:])
            where = f"a {name} of {shape[0]} in the student and of {wider[0]} in the teacher"
            if self.unequal_widths == "accepted":
                loss = self.built(shape, teacher_shape=wider)
                gradients = self.require_usable(self.sample(shape, teacher_shape=wider), where, loss=loss)
                require(any(bool(value.any()) for value in gradients.values()), f"{where}: no gradient")
                continue
            try:
                self.built(shape, teacher_shape=wider)
            except SettingsError:
                continue
            require(condition=False, message=f"{where}: not refused with a SettingsError")

    @promised("golden")
    def test_golden_values(self) -> None:
        """The values that are known from elsewhere."""
        for golden in self.golden:
            loss = self._built_for(golden)
            value = float(loss(golden.student, golden.teacher, self.subjects(len(golden.student.logits))).detach())
            bound = golden.tolerance * max(1.0, abs(golden.value))
            where = f"{golden.source}: " if golden.source else ""
            require(abs(value - golden.value) <= bound, f"{where}{value!r} instead of {golden.value!r}")

    def test_the_teacher_matters(self) -> None:
        """The loss depends on the teacher."""
        loss, first, second = self.built(self.shape), self.sample(self.shape), self.sample(self.shape, seed=7)
        values = [
            float(self.differentiated(loss, Sample(leaves(first.student), teacher, first.batch))[0].float().sum())
            for teacher in (first.teacher, second.teacher)
        ]
        require(values[0] != values[1], "two different teachers give the same value")

    def _spec(self, shape: tuple[int, ...]) -> OutputSpec:
        return OutputSpec(outputs=self.classes, features=dict.fromkeys(self.taps, shape))

    def _built_for(self, golden: GoldenDistillation) -> nn.Module:
        specs = [
            OutputSpec(
                outputs=output.logits.shape[1],
                features={tap: tuple(value.shape[1:]) for tap, value in output.features.items()},
            )
            for output in (golden.student, golden.teacher)
        ]
        settings = golden.settings or self.settings
        config = self.checked(settings)
        factory: Any = self.component
        with seeded():
            loss: nn.Module = factory(config, student=specs[0], teacher=specs[1])
        return loss.to(golden.student.logits.dtype)

    def _at(self, loss: nn.Module, student: Output, teacher: Output) -> float:
        batch: Batch = self.subjects(len(teacher.logits))
        with torch.no_grad(), seeded():
            return float(self.value(loss, Sample(student, teacher, batch)).float().sum())


def _moved(output: Output, seed: int) -> Output:
    """The output a small step away in a random direction."""
    other = sample_output(
        {tap: tuple(value.shape[1:]) for tap, value in output.features.items()},
        subjects=len(output.logits),
        classes=output.logits.shape[1],
        seed=seed + 1,
    )
    return Output(
        logits=output.logits + _STEP * other.logits,
        features={tap: value + _STEP * other.features[tap] for tap, value in output.features.items()},
    )
