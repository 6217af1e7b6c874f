"""Checks of taps: the named features that losses read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from jaxtyping import Float
from torch import Tensor

from xdistill.errors import SettingsError
from xdistill.interfaces.loss import check_taps
from xdistill.types import OutputSpec


def check_equal_shapes(taps: Sequence[str], *, student: OutputSpec, teacher: OutputSpec) -> None:
    """Refuse taps that differ in shape between student and teacher.

    Raises:
        SettingsError: naming the tap and both shapes.
    """
    check_taps(taps, student, network="student")
    check_taps(taps, teacher, network="teacher")
    for tap in taps:
        ours, theirs = tuple(student.features[tap]), tuple(teacher.features[tap])
        if ours != theirs:
            raise SettingsError(
                f"the tap {tap!r} has shape {_shown(ours)} in the student and {_shown(theirs)} in the teacher; "
                f"this loss compares element by element, so make them equal (`features` and `width` of the branches)",
                field="taps",
            )


def check_tap_weights(weights: Iterable[str], taps: Sequence[str]) -> None:
    """Refuse weights for taps that are not distilled.

    Raises:
        SettingsError: naming the stranger.
    """
    for tap in weights:
        if tap not in taps:
            raise SettingsError(
                f"there is a weight for {tap!r}, which is not among the taps {', '.join(taps)}", field="tap_weights"
            )


def flat(features: Mapping[str, Float[Tensor, "batch ..."]], tap: str) -> Float[Tensor, "batch elements"]:
    """One tap, each subject's elements in a row."""
    return features[tap].flatten(1)


def _shown(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
