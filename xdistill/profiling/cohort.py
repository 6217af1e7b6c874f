"""Warnings about a cohort: its vectors, its images, its patients."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.data import Cohort, CohortLike
from xdistill.profiling.cautions import NAMES, Caution
from xdistill.profiling.columns import column_cautions
from xdistill.profiling.measure import measure_texts
from xdistill.profiling.numbers import number_cautions
from xdistill.profiling.roles import Roles, label_cautions
from xdistill.profiling.similar import similar_pairs
from xdistill.tables import habits_of
from xdistill.tasks import Classification
from xdistill.types import ModalitySpec, Schema

_LABEL = "\0label"  # no column of a table is called so
_ENOUGH = 5  # values that two patients do not have in common by chance


def vector_cautions(
    vectors: Mapping[str, NDArray[np.float64]],
    schema: Schema,
    targets: NDArray[Any],
    patients: Sequence[str],
    labelled: NDArray[np.bool_] | None = None,
) -> list[Caution]:
    """Warnings about the vector modalities of a cohort.

    Args:
        vectors: by modality, ``(subjects, columns)``; NaN is missing.
        schema: of the cohort.
        targets: of the subjects.
        patients: of the subjects.
        labelled: which of them have a label, ``(subjects,)``; None: all.
    """
    found: list[Caution] = []
    for name, matrix in vectors.items():
        spec = schema.modalities[name]
        if spec.columns:
            known = np.ones(len(targets), dtype=bool) if labelled is None else labelled
            wanted = schema.task.as_targets(np.asarray(targets)[known])
            found += (
                column_cautions(matrix[known], spec.columns, wanted, schema.task.classes)
                if isinstance(schema.task, Classification)
                else number_cautions(matrix[known], spec.columns, wanted)
            )
        found += _same_values(name, matrix, spec, patients)
    return found


def reported(notes: Sequence[str]) -> list[Caution]:
    """Warnings that a data set gave while it read its tables: notes that begin with the name of one."""
    parts = [note.partition(": ") for note in notes]
    return [Caution(name, text) for name, _, text in parts if name in NAMES]


def kept_cautions(
    kept: Mapping[str, Sequence[str]], schema: Schema, targets: NDArray[Any], labelled: NDArray[np.bool_]
) -> list[Caution]:
    """Warnings about columns for splits, such as site and date, which no network reads.

    Args:
        kept: texts of the columns, one per subject.
        schema: of the cohort.
        targets: of the subjects.
        labelled: which of them have a label, ``(subjects,)``.
    """
    if not kept or not isinstance(schema.task, Classification):
        return []
    names = schema.task.names
    labels = [names[int(target)] if known else "" for target, known in zip(targets, labelled, strict=True)]
    texts = {**kept, _LABEL: labels}
    habits = habits_of(set(cells) for cells in kept.values())
    measured = {name: measure_texts(name, cells, habits) for name, cells in texts.items()}
    return list(label_cautions(texts, measured, Roles(label=_LABEL)))


def cohort_cautions(cohort: Cohort) -> list[Caution]:
    """Warnings about a cohort file."""
    schema = cohort.schema
    vectors = {name: _values(cohort, name) for name, spec in schema.modalities.items() if spec.kind == "vector"}
    found = vector_cautions(vectors, schema, cohort.targets, cohort.patients, cohort.labelled)
    found += kept_cautions(cohort.kept, schema, cohort.targets, cohort.labelled)
    found += reported(cohort.facts.reading.notes)
    return [*found, *image_cautions(cohort)]


def image_cautions(cohort: Cohort) -> list[Caution]:
    """Warnings about images that are the same or nearly the same; the latter reads all of them."""
    images = [name for name, spec in cohort.schema.modalities.items() if spec.kind in {"volume", "image"}]
    return [caution for name in images for caution in _same_images(cohort, name)]


def _values(cohort: CohortLike, name: str) -> NDArray[np.float64]:
    values: NDArray[np.float64] = cohort.values(name, np.arange(len(cohort)))
    values[~cohort.present(name)] = np.nan
    return values


def _same_values(
    name: str, matrix: NDArray[np.float64], spec: ModalitySpec, patients: Sequence[str]
) -> Iterator[Caution]:
    """Patients whose numbers are all equal, if there are enough of them to be no coincidence."""
    numeric = [place for place, column in enumerate(spec.columns) if column.kind == "numeric"]
    numbers = matrix[:, numeric] if spec.columns else matrix
    telling = (np.abs(numbers - np.round(numbers)) > 0).any(axis=0)  # whole numbers are equal by chance more often
    if telling.sum() < _ENOUGH:
        return
    owners: defaultdict[bytes, set[str]] = defaultdict(set)
    for row, patient in zip(numbers[:, telling], patients, strict=True):
        if np.count_nonzero(~np.isnan(row)) >= _ENOUGH:
            owners[row.tobytes()].add(patient)
    yield from _shared("same_values", name, owners, f"the same {int(telling.sum())} numbers in `{name}`")


def _same_images(cohort: Cohort, name: str) -> Iterator[Caution]:
    owners: defaultdict[bytes, set[str]] = defaultdict(set)
    present, digests = cohort.present(name), cohort.digests(name)
    for row, digest in enumerate(digests):
        if present[row]:
            owners[digest].add(cohort.patients[row])
    yield from _shared("same_volume", name, owners, f"the same image in `{name}`")
    pairs = [(one, other) for one, other in similar_pairs(cohort, name) if digests[one] != digests[other]]
    if pairs:
        count = "1 pair" if len(pairs) == 1 else f"{len(pairs)} pairs"
        yield Caution(
            "similar_volume",
            f"{count} of patients with nearly the same image in `{name}`; find out "
            f"whether they are one person, and give these subjects one patient",
            name,
        )


def _shared(name: str, place: str, owners: Mapping[bytes, set[str]], what: str) -> Iterator[Caution]:
    groups = [patients for patients in owners.values() if len(patients) > 1]
    if groups:
        count = len({patient for group in groups for patient in group})
        yield Caution(
            name,
            f"{count} patients share {what} with another one; give these subjects one patient, or remove all but one",
            place,
        )
