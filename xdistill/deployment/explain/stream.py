"""Explains one subject after the other, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from xdistill.data import ArrayCohort
from xdistill.deployment.explain.attributions import Attributed, MemberInput, Options, attribute, member_inputs
from xdistill.deployment.explain.checks import checked
from xdistill.deployment.explain.columns import as_text
from xdistill.deployment.explain.explanation import ColumnAttributions, Explanation, Map
from xdistill.deployment.explain.scoring import captum
from xdistill.errors import DataError
from xdistill.interfaces.reader import Space
from xdistill.models.arrays import cohort_of
from xdistill.models.ensemble import Ensemble
from xdistill.models.numbers import mean_of
from xdistill.models.stream import Reading, cohort_of_values
from xdistill.models.subject import NewSubject

if TYPE_CHECKING:
    from xdistill.distributed.device import Device

CHECKED = 20  # subjects at most


def explain_subjects(
    model: Ensemble,
    subjects: Iterable[NewSubject],
    options: Options | None = None,
    *,
    device: str = "auto",
    skip_errors: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> Iterator[Explanation]:
    """Explanations in the order of the subjects.

    Args:
        model: one student, or several, whose attributions are averaged.
        subjects: of `xdistill.models.tables`.
        options: the method and its settings.
        device: see `xdistill.models.StudentModel.predict_proba`.
        skip_errors: yield an `Explanation` with its ``error`` for a subject that cannot be read, instead of raising.
        on_progress: called with the number of subjects that are done.

    Raises:
        DataError: naming the subject and the file.
        UserError: for an invalid option, and for a student that the method cannot explain.
    """
    options = Options() if options is None else options
    _check(model, options)
    reading = Reading.of(model)
    explained = 0
    with model.on_device(device) as fabric:
        for done, subject in enumerate(subjects, start=1):
            values = reading.read(subject)
            if values.error and not skip_errors:
                raise DataError(values.error)
            if values.error:
                yield Explanation(subject.subject, error=values.error)
            else:
                cohort = cohort_of_values(model.schema, [subject], [values])
                check = options.check and explained < CHECKED
                found = _explained(model, fabric, cohort, options, check=check)
                explained += 1
                yield replace(
                    found, maps={name: _placed(model, subject, name, one) for name, one in found.maps.items()}
                )
            if on_progress is not None:
                on_progress(done)


def explain_arrays(
    model: Ensemble,
    X: Any,  # noqa: N803 - scikit-learn's name
    options: Options | None = None,
    *,
    device: str = "auto",
) -> Iterator[Explanation]:
    """Explanations of subjects in memory, whose maps are on the grid of the arrays.

    Args:
        model: one student, or several, whose attributions are averaged.
        X: see `xdistill.models.StudentModel.predict_proba`.
        options: the method and its settings.
        device: see `xdistill.models.StudentModel.predict_proba`.

    Raises:
        UserError: see `explain_subjects`.
    """
    options = Options() if options is None else options
    _check(model, options)
    cohort = cohort_of(model, X)
    with model.on_device(device) as fabric:
        for row in range(len(cohort)):
            check = options.check and row < CHECKED
            yield _explained(model, fabric, _one_of(cohort, row), options, check=check)


def _check(model: Ensemble, options: Options) -> None:
    options.validate(model)
    captum("attr")


def _one_of(cohort: ArrayCohort, row: int) -> ArrayCohort:
    names = cohort.schema.modalities
    return ArrayCohort(
        cohort.schema,
        {name: cohort.values(name, [row]) for name in names},
        None,
        subjects=[cohort.subjects[row]],
        present={name: cohort.present(name)[[row]] for name in names},
    )


def _explained(model: Ensemble, fabric: Device, cohort: ArrayCohort, options: Options, *, check: bool) -> Explanation:
    task = model.schema.task
    predicted = model.calibrated(mean_of(model.predict_members(cohort, fabric, batch_size=1)))[0]
    target = task.chosen(predicted) if options.target is None else task.explainable.index(options.target)
    inputs = member_inputs(model, cohort, fabric, target, options)
    attributed = attribute(inputs, options)
    return Explanation(
        subject=cohort.subjects[0],
        prediction=task.in_words(predicted),
        explained=task.explainable[target],
        probability=float(predicted[target]),
        maps=_maps(cohort, inputs[0], attributed),
        columns=_columns(cohort, attributed),
        checks=checked(inputs, attributed, options) if check else None,
    )


def _maps(cohort: ArrayCohort, first: MemberInput, attributed: Attributed) -> dict[str, Map]:
    return {
        name: Map(
            values=values.astype(np.float32),
            image=_array(_shown(first.subject.values[name][0])),
            layer=attributed.layers.get(name, ""),
        )
        for name, values in attributed.values.items()
        if name not in attributed.names and cohort.present(name)[0]
    }


def _columns(cohort: ArrayCohort, attributed: Attributed) -> dict[str, ColumnAttributions]:
    return {
        name: ColumnAttributions(
            names, attributed.values[name], as_text(names, cohort.schema.modalities[name], cohort.values(name, [0])[0])
        )
        for name, names in attributed.names.items()
        if cohort.present(name)[0]
    }


def _placed(model: Ensemble, subject: NewSubject, name: str, found: Map) -> Map:
    """The map with the grids of its file."""
    cell = subject.cells.get(name)
    space: Space | None = None
    if cell is not None and model.reader is not None:
        space = model.reader.space(name, cell)
    return replace(found, space=space)


def _shown(image: Tensor) -> Tensor:
    """What is shown of an image: the mean of its colours if it has three channels, else its first channel."""
    colours = image.ndim == 3 and len(image) == 3  # noqa: PLR2004 -- channels, height, width; red, green, blue
    return image.mean(dim=0) if colours else image[0]


def _array(value: Any) -> NDArray[np.float32]:
    return np.asarray(value.detach().cpu().numpy(), dtype=np.float32)
