"""Middle slices of a few test subjects, with the student's predictions."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from xdistill.report.palette import INK, MUTED
from xdistill.report.picture import Picture, entitle, new_picture, shorten
from xdistill.runs import Run
from xdistill.stats import FoldPredictions
from xdistill.tasks import Classification, Task

if TYPE_CHECKING:
    from xdistill.data import Cohort

Slice = NDArray[np.float64]

SUBJECTS: Final = 6
PIXELS: Final = 512  # longest side of a slice in the page


@dataclass(frozen=True)
class Case:
    """A test subject with the student's prediction.

    Attributes:
        subject: its id; only shown on request.
        target: class index.
        predicted: class index.
        probability: of the predicted class.
    """

    subject: str
    target: int
    predicted: int
    probability: float

    @property
    def right(self) -> bool:
        """Whether the predicted class is the true one."""
        return self.target == self.predicted


def choose_cases(run: Run, *, count: int = SUBJECTS) -> tuple[Case, ...]:
    """Test subjects by a rule that looks at no picture: half of them right, half wrong where there are enough.

    In each half the classes take turns, each giving its first test subjects by repeat and fold. The right ones
    come first.
    """
    seen: set[str] = set()
    cases: list[Case] = []
    for case in (case for fold in run.predictions.of("student") for case in _cases(fold, run.task)):
        if case.subject not in seen:
            seen.add(case.subject)
            cases.append(case)
    right = _in_turns([case for case in cases if case.right])
    wrong = _in_turns([case for case in cases if not case.right])
    from_wrong = min(len(wrong), max(count // 2, count - len(right)))
    return (*right[: count - from_wrong], *wrong[:from_wrong])


def image_modalities(cohort: Cohort) -> tuple[str, ...]:
    """Modalities that have slices."""
    return tuple(name for name, spec in cohort.schema.modalities.items() if spec.kind in {"volume", "image"})


def middle_slices(cohort: Cohort, subjects: Sequence[str]) -> dict[str, tuple[Slice | None, ...]]:
    """By image modality the middle slice of each subject, ``(height, width)``; None where a subject lacks it."""
    rows = cohort.rows_of(subjects)
    return {
        name: tuple(
            _middle(volume) if there else None
            for volume, there in zip(cohort.values(name, rows), cohort.present(name)[rows], strict=True)
        )
        for name in image_modalities(cohort)
    }


def slices_figure(run: Run, cohort: Cohort, *, show_subjects: bool = False) -> Picture | None:
    """One row per subject, one column per image modality; None for a cohort without images.

    Args:
        run: a finished run.
        cohort: the cohort it was made on.
        show_subjects: whether to name the subjects.
    """
    cases = choose_cases(run)
    slices = middle_slices(cohort, [case.subject for case in cases])
    if not slices:
        return None
    picture, panels = new_picture(len(cases) * len(slices), len(slices), panel=(2.6, 2.5))
    for place, axes in enumerate(panels):
        case, name = cases[place // len(slices)], list(slices)[place % len(slices)]
        shown = slices[name][place // len(slices)]
        if shown is not None:
            low, high = window(shown)
            axes.imshow(shown, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
        axes.set(xticks=(), yticks=())
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        axes.set_xlabel(shorten(name) if shown is not None else f"{shorten(name)}: missing", parse_math=False)
        if place % len(slices) == 0:
            title = describe(case, run.classes) + (f"\n{shorten(case.subject)}" if show_subjects else "")
            entitle(axes, title, fontsize=8, color=INK if case.right else MUTED)
    return picture


def describe(case: Case, classes: Sequence[str]) -> str:
    """Target and prediction in one line."""
    verdict = "right" if case.right else "wrong"
    return (
        f"{verdict}: true {shorten(classes[case.target])}, predicted {shorten(classes[case.predicted])} "
        f"({100 * case.probability:.0f} %)"
    )


def window(shown: Slice) -> tuple[float, float]:
    """Grey values from black to white: the middle 98 of 100 parts of the slice."""
    low, high = np.percentile(shown, (1, 99))
    return float(low), float(max(high, low + 1e-6))


def png_uri(shown: Slice) -> str:
    """The slice as an 8-bit grey PNG in a ``data:`` URI."""
    from PIL import Image  # matplotlib brings it

    step = max(1, -(-max(shown.shape) // PIXELS))
    low, high = window(shown)
    buffer = io.BytesIO()
    grey = np.clip(255 * (shown[::step, ::step] - low) / (high - low), 0, 255).astype(np.uint8)
    Image.fromarray(grey).save(buffer, format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _cases(fold: FoldPredictions, task: Task) -> Iterator[Case]:
    assert isinstance(task, Classification)  # noqa: S101 - other tasks have no cards
    chosen = task.predicted(fold.probabilities).tolist()
    for subject, target, row, predicted in zip(fold.subjects, fold.target, fold.probabilities, chosen, strict=True):
        yield Case(subject, int(target), predicted, float(row[predicted]))


def _in_turns(cases: Sequence[Case]) -> list[Case]:
    queues: dict[int, list[Case]] = {}
    for case in cases:
        queues.setdefault(case.target, []).append(case)
    turns = [(turn, target) for target, queue in sorted(queues.items()) for turn in range(len(queue))]
    return [queues[target][turn] for turn, target in sorted(turns)]


def _middle(values: NDArray[Any]) -> Slice:
    """The middle slice of the first channel of ``(channels, height, width)`` or of a volume with a depth."""
    first = np.asarray(values, dtype=np.float64)[0]
    middle: Slice = first if first.ndim == 2 else first[len(first) // 2]  # noqa: PLR2004 - height and width
    return middle
