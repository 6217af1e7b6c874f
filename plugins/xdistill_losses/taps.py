"""Features (taps): checks of their shapes, and the views that losses read them in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Annotated

from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Settings
from xdistill.interfaces.loss import check_taps
from xdistill.types import OutputSpec

Taps = Annotated[tuple[str, ...], Field(min_length=1)]
Shape = tuple[int, ...]
MOST_AXES = 3
_POOLS: tuple[Callable[..., Tensor], ...] = (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d)


class TapsConfig(Settings):
    """Which features."""

    taps: Taps = Field(
        description="features to compare, such as the names of the branches; one term per feature, summed"
    )


@dataclass(frozen=True)
class Pair:
    """A tap and its shape, without the batch, in either network."""

    tap: str
    student: Shape
    teacher: Shape

    @property
    def is_vector(self) -> bool:
        """Whether it has channels only, and no space."""
        return len(self.student) == 1

    def shown(self) -> str:
        """Both shapes, for a message."""
        ours, theirs = ("x".join(map(str, shape)) for shape in (self.student, self.teacher))
        return f"the tap {self.tap!r} has shape {ours} in the student and {theirs} in the teacher"


def pairs_of(taps: Sequence[str], *, student: OutputSpec, teacher: OutputSpec) -> tuple[Pair, ...]:
    """The shapes of each tap.

    Raises:
        SettingsError: for taps that a network lacks.
    """
    check_taps(taps, student, network="student")
    check_taps(taps, teacher, network="teacher")
    return tuple(Pair(tap, tuple(student.features[tap]), tuple(teacher.features[tap])) for tap in taps)


def check_axes(pairs: Sequence[Pair]) -> None:
    """Refuse a tap that is a vector in one network and a map in the other, or that has too many axes.

    Raises:
        SettingsError: naming the tap and both shapes.
    """
    for pair in pairs:
        if len(pair.student) != len(pair.teacher):
            raise SettingsError(
                f"{pair.shown()}; this loss compares vectors with vectors, and maps with maps of the same number of "
                f"axes. Name another tap, or use a loss of relations between subjects (rkd, pkt, sp, cka)",
                field="taps",
            )
        if not 1 <= len(pair.student) <= 1 + MOST_AXES:
            raise SettingsError(
                f"{pair.shown()}; this loss takes vectors, and maps of one to {MOST_AXES} axes of space",
                field="taps",
            )


def check_equal_shapes(pairs: Sequence[Pair]) -> None:
    """Refuse taps that differ in shape, for losses that compare element by element and learn no adapter.

    Raises:
        SettingsError: naming the tap and both shapes.
    """
    for pair in pairs:
        if pair.student != pair.teacher:
            raise SettingsError(
                f"{pair.shown()}; this loss compares element by element. Make the shapes equal, such as `features` and "
                f"`width` of the branches, or use a loss that adapts the student (hint, vid)",
                field="taps",
            )


def check_lengths(pairs: Sequence[Pair]) -> None:
    """Refuse vectors of different lengths, for losses that compare element by element and learn no adapter.

    Raises:
        SettingsError: naming the tap and both shapes.
    """
    for pair in pairs:
        if pair.is_vector and pair.student != pair.teacher:
            raise SettingsError(
                f"{pair.shown()}; this loss compares vectors element by element. Make the lengths equal, name a tap "
                f"that is a map, or use a loss that adapts the student (hint, vid, cwd) or one of relations (rkd, pkt)",
                field="taps",
            )


def check_positions(pairs: Sequence[Pair]) -> None:
    """Refuse maps of a single position, for losses that compare patterns over positions.

    Raises:
        SettingsError: naming the tap and both shapes.
    """
    for pair in pairs:
        space = pair.teacher if pair.is_vector else tuple(map(min, pair.student[1:], pair.teacher[1:]))
        if prod(space) == 1:
            raise SettingsError(
                f"{pair.shown()}; that is a single position, and this loss compares patterns over positions, so it "
                f"would always be zero. Name a tap before the last pooling, enlarge the images, "
                f"or use a loss of channels (hint, vid, pkd)",
                field="taps",
            )


def rows(value: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch elements"]:
    """All elements of a subject as one row."""
    return value.flatten(1)


def channels(value: Float[Tensor, "batch channels ..."]) -> Float[Tensor, "batch channels positions"]:
    """Positions as one axis; a vector is a map of one position."""
    return value[:, :, None] if value.ndim == 2 else value.flatten(2)  # noqa: PLR2004 - batch and channels


def positions(value: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch channels positions"]:
    """Positions as one axis; a vector is a map of one channel, whose positions are its elements."""
    return value[:, None] if value.ndim == 2 else value.flatten(2)  # noqa: PLR2004 - batch and elements


def pooled(value: Float[Tensor, "batch channels ..."], size: Shape) -> Float[Tensor, "batch channels ..."]:
    """The map, averaged to a size of its space."""
    if tuple(value.shape[2:]) == size:
        return value
    return _POOLS[len(size) - 1](value, size)


def same_space(
    first: Float[Tensor, "batch channels ..."], second: Float[Tensor, "batch channels2 ..."]
) -> tuple[Float[Tensor, "batch channels ..."], Float[Tensor, "batch channels2 ..."]]:
    """Both maps averaged, axis by axis, to the smaller of the two sizes."""
    if first.shape[2:] == second.shape[2:]:
        return first, second
    size = tuple(map(min, first.shape[2:], second.shape[2:]))
    return pooled(first, size), pooled(second, size)
