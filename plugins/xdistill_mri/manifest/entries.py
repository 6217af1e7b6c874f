"""Reads the subjects of a table: ids, patients, labels and files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from xdistill.types import ColumnSpec
from xdistill_mri.manifest.clinical import as_number, read_column, sorted_names
from xdistill_mri.manifest.config import ManifestConfig
from xdistill_mri.manifest.files import SubjectVolumes, find_volumes
from xdistill_mri.manifest.problems import Problems, near
from xdistill_mri.manifest.roles import Roles, find_roles
from xdistill_mri.manifest.table import Table, read_table


@dataclass(frozen=True)
class Entry:
    """One subject.

    Attributes:
        subject: unique id.
        patient: id of its patient.
        target: index of its class.
        volumes: files by image modality; None if the subject has none.
        clinical: one number per clinical column; NaN is missing.
    """

    subject: str
    patient: str
    target: int
    volumes: SubjectVolumes
    clinical: tuple[float, ...]


@dataclass(frozen=True)
class Cohort:
    """The content of a manifest; no volume has been opened.

    Attributes:
        entries: the subjects, in the order of the rows.
        classes: names of the classes.
        modalities: names of the image modalities.
        columns: of the clinical modality; empty if there are none.
        kept: texts of the columns that are kept for splits, one per subject.
    """

    entries: tuple[Entry, ...]
    classes: tuple[str, ...]
    modalities: tuple[str, ...]
    columns: tuple[ColumnSpec, ...]
    kept: Mapping[str, tuple[str, ...]]


def read_cohort(file: Path, config: ManifestConfig) -> Cohort:
    """Read and check a manifest.

    Raises:
        DataError: with up to ten problems at once, each with its line.
    """
    table = read_table(file, delimiter=config.delimiter, encoding=config.encoding)
    table = table.without(config.missing, label=config.columns.label, classes=config.classes or ())
    problems = Problems(file)
    roles = find_roles(table, config, problems)
    problems.stop()
    subjects = _subjects(table, roles, problems)
    patients = subjects if roles.patient is None else _patients(table, roles, problems)
    labels = table.column(roles.label)
    classes = _classes(table, labels, config, problems)
    volumes = find_volumes(table, roles.volumes, patients, config, problems)
    settings = config.clinical
    clinical = [] if settings is None else [read_column(table, name, settings, problems) for name in roles.clinical]
    problems.stop()
    entries = (
        Entry(
            subject,
            patients[row],
            classes.index(labels[row]),
            volumes[row],
            tuple(column.values[row] for column in clinical),
        )
        for row, subject in enumerate(subjects)
    )
    return Cohort(
        tuple(entries),
        classes,
        tuple(roles.volumes),
        tuple(column.spec for column in clinical),
        {name: tuple(table.column(name)) for name in roles.kept},
    )


def _subjects(table: Table, roles: Roles, problems: Problems) -> list[str]:
    first: dict[str, int] = {}
    for line in table.lines:
        subject = line.cells[roles.subject]
        if not subject:
            problems.add(f"the subject's id is missing (column {roles.subject!r})", line=line.number)
        elif subject in first:
            problems.add(
                f"the subject {subject!r} is also on line {first[subject]}; ids must be unique. Rows of one "
                f"person have different ids and the same patient",
                line=line.number,
            )
        else:
            first[subject] = line.number
    return table.column(roles.subject)


def _patients(table: Table, roles: Roles, problems: Problems) -> list[str]:
    column = roles.patient or roles.subject
    for line in table.lines:
        if not line.cells[column]:
            problems.add(
                f"the patient is missing (column {column!r}); fill it in, or set columns.patient: {roles.subject} "
                f"if every subject is a patient",
                line=line.number,
            )
    return table.column(column)


def _classes(table: Table, labels: list[str], config: ManifestConfig, problems: Problems) -> tuple[str, ...]:
    column = config.columns.label
    for line, label in zip(table.lines, labels, strict=True):
        if not label:
            problems.add(f"the label is missing (column {column!r})", line=line.number)
        elif config.classes is not None and label not in config.classes:
            problems.add(f"unknown label {label!r}; {near(label, config.classes)}", line=line.number)
    given = [label for label in labels if label]
    if given and len(set(given)) == 1:
        problems.add(f"every subject has the label {given[0]!r}; at least two classes are needed")
    if config.classes is None:
        _check_spelling(given, problems)
    return sorted_names(given) if config.classes is None else config.classes


def _check_spelling(labels: list[str], problems: Problems) -> None:
    """A class written in two ways would become two classes."""
    first: dict[str | float, str] = {}
    for label in sorted_names(labels):
        number = as_number(label)
        other = first.setdefault(label.casefold() if number is None else number, label)
        if other != label:
            problems.add(
                f"the labels {other!r} and {label!r} look like one class; write them alike, or list both in `classes`"
            )
