"""Base classes of the losses: they select the features and compute in full precision."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor

from xdistill.interfaces.loss import DistillationLoss
from xdistill.types import Batch, Output, OutputSpec
from xdistill_losses.adapters import AdapterChoice, build_adapters
from xdistill_losses.numerics import full, in_full_precision
from xdistill_losses.taps import TapsConfig, check_axes, pairs_of, same_space

Features = Float[Tensor, "batch ..."]


class LogitLoss(DistillationLoss):
    """Compares logits."""

    def forward(self, student: Output, teacher: Output, batch: Batch) -> Float[Tensor, ""]:
        """The loss of a batch."""
        with in_full_precision(student.logits):
            return self.compare(full(student.logits), full(teacher.logits), batch)

    @abstractmethod
    def compare(
        self, student: Float[Tensor, "batch classes"], teacher: Float[Tensor, "batch classes"], batch: Batch
    ) -> Float[Tensor, ""]:
        """The loss of the logits, which are in float32 at least."""


class TapLoss(DistillationLoss):
    """Compares features; its terms are summed.

    Raises:
        SettingsError: for taps that a network lacks.
    """

    config: TapsConfig
    Config = TapsConfig

    def __init__(self, config: TapsConfig, *, student: OutputSpec, teacher: OutputSpec) -> None:
        super().__init__(config, student=student, teacher=teacher)
        self.pairs = pairs_of(config.taps, student=student, teacher=teacher)

    def forward(self, student: Output, teacher: Output, batch: Batch) -> Float[Tensor, ""]:
        """The sum of the terms."""
        with in_full_precision(student.logits):
            ours, theirs = ([full(output.features[tap]) for tap in self.config.taps] for output in (student, teacher))
            terms = self.terms(ours, theirs, batch)
            return sum(terms[1:], terms[0])

    @abstractmethod
    def terms(self, student: Sequence[Features], teacher: Sequence[Features], batch: Batch) -> list[Float[Tensor, ""]]:
        """The terms of a batch, of the features in the order of ``taps``, in float32 at least."""


class EachTapLoss(TapLoss):
    """One term per tap."""

    def terms(self, student: Sequence[Features], teacher: Sequence[Features], batch: Batch) -> list[Float[Tensor, ""]]:
        """One for each tap."""
        del batch
        return [self.compare(*pair, index) for index, pair in enumerate(zip(student, teacher, strict=True))]

    @abstractmethod
    def compare(self, student: Features, teacher: Features, index: int) -> Float[Tensor, ""]:
        """The term of the tap at this index of ``taps``."""


class MapLoss(EachTapLoss):
    """Compares position by position; maps of different sizes are averaged to the smaller.

    Raises:
        SettingsError: for a tap that is a vector in one network and a map in the other.
    """

    def __init__(self, config: TapsConfig, *, student: OutputSpec, teacher: OutputSpec) -> None:
        super().__init__(config, student=student, teacher=teacher)
        check_axes(self.pairs)


class AdaptedConfig(TapsConfig):
    """Which features, and how the student's are adapted to the teacher's."""

    adapter: AdapterChoice = Field(
        default="auto",
        description="a learned linear map of the student's channels to the teacher's: where their numbers differ "
        "(auto), always, or none. It is trained with the student and saved",
    )


class AdaptedLoss(MapLoss):
    """Compares channels position by position, after an adapter maps the student's channels to the teacher's.

    Raises:
        SettingsError: for numbers of channels that differ with ``adapter: none``.
    """

    config: AdaptedConfig
    Config = AdaptedConfig

    def __init__(self, config: AdaptedConfig, *, student: OutputSpec, teacher: OutputSpec) -> None:
        super().__init__(config, student=student, teacher=teacher)
        self.adapters = build_adapters(self.pairs, config.adapter)

    def fitted(self, student: Features, teacher: Features, index: int) -> tuple[Features, Features]:
        """Both, in one shape: the student's after its adapter."""
        # Averaging and a linear map of channels commute, and a smaller map is cheaper to adapt.
        ours, theirs = same_space(student, teacher)
        return self.adapters[index](ours), theirs


def labels(batch: Batch) -> Int[Tensor, " batch"]:
    """The target of a training batch.

    Raises:
        ValueError: for a batch without one; training batches have it.
    """
    if batch.target is None:
        msg = "this loss needs a target, and the batch has none"
        raise ValueError(msg)
    return batch.target
