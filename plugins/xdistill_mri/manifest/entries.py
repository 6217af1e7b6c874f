"""Reads the subjects of a table: ids, patients, labels and files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xdistill.tables import as_number, sorted_names
from xdistill.tasks import Classification, Target, Task
from xdistill_mri.manifest.config import ManifestConfig
from xdistill_mri.manifest.files import SubjectVolumes, find_volumes
from xdistill_mri.manifest.labels import label_table, number_of, other_task, read_labels
from xdistill_mri.manifest.panels import Panel, ReadingOf, complete_rows, read_panels
from xdistill_mri.manifest.problems import Problems, near
from xdistill_mri.manifest.roles import Roles, find_roles
from xdistill_mri.manifest.story import Story
from xdistill_mri.manifest.table import Table, open_table


@dataclass(frozen=True)
class Entry:
    """One subject.

    Attributes:
        subject: unique id.
        patient: id of its patient.
        target: of the task, such as the index of its class; None: the subject has no label.
        volumes: files by image modality; None if the subject has none.
        vectors: one number per column by vector modality, NaN is missing; None if the subject has none.
    """

    subject: str
    patient: str
    target: Target | None
    volumes: SubjectVolumes
    vectors: Mapping[str, tuple[float, ...] | None]


@dataclass(frozen=True)
class Cohort:
    """The content of a manifest; no volume has been opened.

    Attributes:
        entries: the subjects, in the order of the rows.
        task: what is predicted.
        modalities: names of the image modalities.
        panels: the vector modalities by name.
        story: what was detected.
        kept: texts of the columns that are kept for splits, one per subject.
    """

    entries: tuple[Entry, ...]
    task: Task
    modalities: tuple[str, ...]
    panels: Mapping[str, Panel]
    story: Story
    kept: Mapping[str, tuple[str, ...]]


def read_cohort(file: Path, config: ManifestConfig) -> Cohort:
    """Read and check a manifest.

    Raises:
        DataError: with up to ten problems at once, each with its line.
    """
    table = open_table(file, config, config, setting="data.path")
    problems = Problems(file)
    roles = find_roles(table, config, problems)
    problems.stop()
    story = Story()
    table = _labelled(table, roles, config, story)
    subjects = _subjects(table, roles, problems)
    patients = subjects if roles.patient is None else _patients(table, roles, problems)
    task, targets = _targets(table, roles, config, problems)
    volumes = find_volumes(table, roles.volumes, patients, config, problems)
    reading = ReadingOf(config, story, problems)
    panels = read_panels(table, subjects, roles.clinical, reading)
    problems.stop()
    entries = [
        Entry(
            subject,
            patients[row],
            targets[row],
            volumes[row],
            {name: panel.values[row] for name, panel in panels.items()},
        )
        for row, subject in enumerate(subjects)
    ]
    story.notes += _twice(entries)
    texts = {name: table.column(name) for name in roles.kept}
    present = [
        {name: bool(column[row]) for name, column in texts.items()} | _present(entry)
        for row, entry in enumerate(entries)
    ]
    rows = complete_rows(present, reading)
    problems.stop()
    return Cohort(
        tuple(entries[row] for row in rows),
        task,
        tuple(roles.volumes),
        panels,
        reading.story,
        {name: tuple(column[row] for row in rows) for name, column in texts.items()},
    )


def _twice(entries: Sequence[Entry]) -> list[str]:
    """A note on files that subjects have in common; those of different patients in one column are errors."""
    sources = [source for entry in entries for source in entry.volumes.values() if source is not None]
    counts = Counter((source.file, source.row) for source in sources)
    again = sum(count > 1 for count in counts.values())
    what = "file is" if again == 1 else "files are"
    return [f"file_used_twice: {again} {what} named more than once"] if again else []


def _labelled(table: Table, roles: Roles, config: ManifestConfig, story: Story) -> Table:
    """The table without rows that have no label, if the settings say so."""
    if config.without_label == "refuse":
        return table
    kept = table.chosen(lambda line: any(line.cells[name] for name in roles.targets))
    if len(kept) < len(table):
        fate = "are left out" if config.without_label == "leave_out" else "are kept as unlabelled subjects"
        story.notes.append(f"{len(table) - len(kept)} rows without a label {fate} (`without_label`)")
    return kept if config.without_label == "leave_out" else table


def _present(entry: Entry) -> dict[str, bool]:
    return {name: value is not None for name, value in {**entry.volumes, **entry.vectors}.items()}


def _spelled(label: str, classes: Sequence[str]) -> str:
    """A label as `classes` spells it, if both are the same number, such as ``1.0`` and ``1``."""
    number = None if label in classes else as_number(label)
    same = [name for name in classes if number is not None and as_number(name) == number]
    return same[0] if len(same) == 1 else label


def _subjects(table: Table, roles: Roles, problems: Problems) -> list[str]:
    if roles.subject is None:
        return [f"row-{place:05d}" for place in range(1, len(table) + 1)]
    first: dict[str, int] = {}
    for line in table.lines:
        subject = line.cells[roles.subject]
        if not subject:
            problems.add(f"the subject's id is missing (column {roles.subject!r})", line=line.number, cause="no id")
        elif subject in first:
            problems.add(
                f"the subject {subject!r} is also on line {first[subject]}; ids must be unique. Rows of one "
                f"person have different ids and the same patient",
                line=line.number,
                cause="id twice",
            )
        else:
            first[subject] = line.number
    return table.column(roles.subject)


def _patients(table: Table, roles: Roles, problems: Problems) -> list[str]:
    column = roles.patient or ""
    for line in table.lines:
        if not line.cells[column]:
            problems.add(
                f"the patient is missing (column {column!r}); fill it in, or set columns.patient: "
                f"{roles.subject or 'subject'} if every subject is a patient",
                line=line.number,
                cause="no patient",
            )
    return table.column(column)


def _targets(
    table: Table, roles: Roles, config: ManifestConfig, problems: Problems
) -> tuple[Task, Sequence[Target | None]]:
    """The task and the targets; without the recipe's task the labels are classes."""
    some = config.without_label == "unlabelled"
    if config.task is not None:
        return read_labels(table, config.task, roles.label, problems, some=some)
    labels = [_spelled(label, config.classes or ()) for label in table.column(roles.label)]
    classes = _classes(table, labels, config, problems)
    blank = None if some else -1
    return Classification(classes), [
        classes.index(label) if label in classes else -1 if label else blank for label in labels
    ]


def _classes(table: Table, labels: list[str], config: ManifestConfig, problems: Problems) -> tuple[str, ...]:
    column = config.columns.label
    cells = label_table(table, {column: labels}, column)
    if config.without_label != "unlabelled":
        for problem in cells.missing([column]):
            problems.add(problem)
    for name in sorted_names(label for label in labels if label and label not in (config.classes or labels)):
        where = cells.where([row for row, label in enumerate(labels) if label == name])
        problems.add(f"unknown label {name!r}; {near(name, config.classes or ())} ({where})")
    given = [label for label in labels if label]
    if not given and config.without_label == "unlabelled":
        problems.add(f"no subject has a label: the column {column!r} is empty")
    if given and len(set(given)) == 1:
        problems.add(f"every subject has the label {given[0]!r}; at least two classes are needed")
    if config.classes is None:
        other = other_task(column, given)
        if other:
            problems.add(other)
        else:
            _check_spelling(given, problems)
    return sorted_names(given) if config.classes is None else config.classes


def _check_spelling(labels: list[str], problems: Problems) -> None:
    """A class written in two ways would become two classes."""
    first: dict[str | float, str] = {}
    for label in sorted_names(labels):
        number = number_of(label)
        other = first.setdefault(label.casefold() if number is None else number, label)
        if other != label:
            problems.add(
                f"the labels {other!r} and {label!r} look like one class; write them alike, or list both in `classes`"
            )
