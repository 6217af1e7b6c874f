"""Checks that task losses and distillation losses share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from xdistill.testing.helpers.samples import CLASSES, FEATURE_SHAPES, SCHEMA, output_map, sample_batch, take, tensors_of
from xdistill.testing.helpers.tensors import copied, require_equal, require_finite, require_trained, seeded
from xdistill.testing.suite import Conformance, promised, require
from xdistill.types import Batch, Output, Schema

EXTREME = 1e3  # logits of a very confident network


@dataclass(frozen=True)
class Sample:
    """What a loss is called with; the teacher is None for a task loss."""

    student: Output
    teacher: Output | None
    batch: Batch

    def tensors(self) -> dict[str, Tensor]:
        """All tensors by name."""
        teacher = {} if self.teacher is None else tensors_of(self.teacher)
        return {
            **{f"student {name}": value for name, value in tensors_of(self.student).items()},
            **{f"teacher {name}": value for name, value in teacher.items()},
            **{f"input {name}": value for name, value in self.batch.inputs.items()},
        }


class LossConformance(Conformance):
    """What every loss has to do.

    Attributes:
        schema: of the made-up cohort, whose task gives the targets; its modalities are ``scan``, ``second_scan``,
            ``picture`` and ``table``.
        taps: the features that the made-up networks offer.
        feature_shapes: shapes of a subject's features, by a name for messages; all taps have the same. A loss for
            vectors alone says ``{"vector": (6,)}``.
        classes: number of classes; for other tasks than classification, of logits.
        symmetric: the order of the subjects does not matter.
        golden: values known from elsewhere.
    """

    schema: Schema = SCHEMA
    taps: tuple[str, ...] = ("first", "second")
    feature_shapes: Mapping[str, tuple[int, ...]] = FEATURE_SHAPES
    classes: int = len(CLASSES)
    symmetric: ClassVar[bool] = True

    @abstractmethod
    def built(self, shape: tuple[int, ...], *, seed: int = 0) -> nn.Module:
        """The loss, for features of this shape."""

    @abstractmethod
    def sample(self, shape: tuple[int, ...], *, subjects: int = 6, seed: int = 0) -> Sample:
        """Outputs to score; the student's tensors are leaves that collect gradients."""

    @abstractmethod
    def value(self, loss: nn.Module, sample: Sample) -> Tensor:
        """Call the loss."""

    def subjects(self, count: int) -> Batch:
        """The batch that comes with made-up outputs."""
        return sample_subjects(count, self.schema)

    @property
    def shape(self) -> tuple[int, ...]:
        """The first of the feature shapes, for checks that no shape matters to."""
        return next(iter(self.feature_shapes.values()))

    def differentiated(self, loss: nn.Module, sample: Sample) -> tuple[Tensor, dict[str, Tensor]]:
        """The value and the student's gradients, zero where none arrived."""
        with seeded():
            value = self.value(loss, sample)
        if value.requires_grad:
            torch.autograd.backward(value.float().sum())
        leaves = tensors_of(sample.student)
        return value.detach(), {
            name: torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for name, leaf in leaves.items()
        }

    def require_usable(self, sample: Sample, where: str, *, loss: nn.Module | None = None) -> dict[str, Tensor]:
        """Fail unless value and gradients are finite; returns the gradients."""
        value, gradients = self.differentiated(loss or self.built(self.shape), sample)
        require_finite({"the value": value}, where)
        require_finite({f"the gradient of {name}": gradient for name, gradient in gradients.items()}, where)
        return gradients

    def test_value_is_one_number(self) -> None:
        """The trainer adds up terms: each is a scalar."""
        value, _ = self.differentiated(self.built(self.shape), self.sample(self.shape))
        require(isinstance(value, Tensor), f"a loss returns a tensor, not {type(value).__name__}")
        require(value.ndim == 0, f"a loss returns a scalar, not the shape {list(value.shape)}")
        require(value.is_floating_point(), f"a loss returns a floating-point number, not {value.dtype}")

    def test_vectors_maps_and_volumes(self) -> None:
        """Features of every shape that the suite names give finite values and gradients."""
        for name, shape in self.feature_shapes.items():
            self.require_usable(self.sample(shape), f"features that are a {name}", loss=self.built(shape))

    def test_gradient_reaches_the_network(self) -> None:
        """Something of the scored network's output gets a gradient that is not zero."""
        gradients = self.require_usable(self.sample(self.shape), "made-up outputs")
        require(any(bool(gradient.any()) for gradient in gradients.values()), "no gradient reaches the network")

    def test_batch_of_one(self) -> None:
        """The last batch of an epoch can hold a single subject."""
        self.require_usable(self.sample(self.shape, subjects=1), "a batch of one subject")

    def test_bfloat16_autocast(self) -> None:
        """In bfloat16 the value is that in float32 up to rounding, and gradients stay finite."""
        sample = self.sample(self.shape)
        rounded = {name: value.bfloat16() for name, value in sample.tensors().items()}
        loss = self.built(self.shape)
        with torch.no_grad(), seeded():
            expected = float(self.value(loss, _recast(sample, copied(rounded), torch.float32)).float().sum())
        with torch.autocast("cpu", dtype=torch.bfloat16), seeded():
            value = self.value(loss, _recast(sample, rounded, torch.bfloat16)).float().sum()
        close = abs(float(value.detach()) - expected) <= 0.05 * abs(expected) + 0.01
        require(close, f"under bfloat16 autocast the value is {float(value.detach()):.4g} instead of {expected:.4g}")
        torch.autograd.backward(value)
        gradients = {name: leaf.grad for name, leaf in tensors_of(sample.student).items() if leaf.grad is not None}
        require_finite(gradients, "gradients under bfloat16 autocast")

    def test_zero_features_and_extreme_logits(self) -> None:
        """Features that are all zero and logits of a very confident network do not make NaN."""
        for where, factors in (("zero features", (1.0, 0.0)), ("extreme logits", (EXTREME, 1.0))):
            self.require_usable(_scaled(self.sample(self.shape), *factors), where)

    @promised("symmetric")
    def test_order_of_subjects_does_not_matter(self) -> None:
        """The value of a batch is that of the same subjects in another order."""
        loss, sample = self.built(self.shape), self.sample(self.shape)
        reversed_rows = list(reversed(range(len(sample.batch))))
        other = Sample(
            student=leaves(_rows(sample.student, reversed_rows)),
            teacher=None if sample.teacher is None else _rows(sample.teacher, reversed_rows),
            batch=take(sample.batch, reversed_rows),
        )
        values = [float(self.differentiated(loss, one)[0].float().sum()) for one in (sample, other)]
        require(
            abs(values[0] - values[1]) <= 1e-4 * (1e-3 + abs(values[0])),
            f"{values[0]:.6g} becomes {values[1]:.6g} when the subjects are in another order",
        )

    def test_outputs_are_left_alone(self) -> None:
        """Other terms score the same tensors after this one."""
        sample = self.sample(self.shape)
        before = copied(sample.tensors())
        self.differentiated(self.built(self.shape), sample)
        require_equal(before, copied(sample.tensors()), "after the loss was computed")

    def test_its_own_parameters_learn(self) -> None:
        """A loss that owns parameters gets them trained."""
        loss = self.built(self.shape)
        self.differentiated(loss, self.sample(self.shape))
        require_trained(loss)

    def test_state_survives_a_round_trip(self) -> None:
        """A loss that loads another's state gives the same bits: nothing that matters is outside of it."""
        first, second = self.built(self.shape, seed=1), self.built(self.shape, seed=2)
        self.differentiated(first, self.sample(self.shape, seed=1))
        second.load_state_dict(copied(first.state_dict()))
        values = [self.differentiated(loss, self.sample(self.shape))[0] for loss in (first, second)]
        require_equal({"value": values[0]}, {"value": values[1]}, "after a state-dict round trip")


def sample_subjects(subjects: int, schema: Schema = SCHEMA) -> Batch:
    """The batch that comes with made-up outputs."""
    return sample_batch(schema, subjects=subjects)


def leaves(output: Output) -> Output:
    """The output with all its tensors as leaves that collect gradients."""
    return output_map(output, {name: value.requires_grad_() for name, value in copied(tensors_of(output)).items()})


def _rows(output: Output, rows: list[int]) -> Output:
    return output_map(output, {name: value[rows] for name, value in copied(tensors_of(output)).items()})


def _scaled(sample: Sample, logits: float, features: float) -> Sample:
    def scaled(output: Output) -> Output:
        factor = {name: features if name.startswith("features") else logits for name in tensors_of(output)}
        return output_map(output, {name: value * factor[name] for name, value in copied(tensors_of(output)).items()})

    return Sample(
        student=leaves(scaled(sample.student)),
        teacher=None if sample.teacher is None else scaled(sample.teacher),
        batch=sample.batch,
    )


def _recast(sample: Sample, rounded: Mapping[str, Tensor], dtype: torch.dtype) -> Sample:
    """The sample with outputs of another type; inputs stay as the loader gives them."""

    def recast(output: Output, role: str) -> Output:
        return output_map(output, {name: rounded[f"{role} {name}"].to(dtype) for name in tensors_of(output)})

    return Sample(
        student=recast(sample.student, "student"),
        teacher=None if sample.teacher is None else recast(sample.teacher, "teacher"),
        batch=sample.batch,
    )
