"""Determines the role of each column."""

from __future__ import annotations

import re
from dataclasses import dataclass

from xdistill_mri.manifest.config import ManifestConfig, VolumeSettings
from xdistill_mri.manifest.kept import find_kept
from xdistill_mri.manifest.problems import Problems, near
from xdistill_mri.manifest.table import Table
from xdistill_mri.preprocess.folder import MARK, holds_dicom
from xdistill_mri.preprocess.source import SUFFIXES

# A column is taken for paths if more than this fraction of its cells are; the others are then errors.
_MOSTLY = 0.5
_PATIENT = "patient"
_NAMING = ("include", "exclude", "categorical", "numeric", "units", "ordinal")  # settings that name columns
_MODALITY = re.compile(r"^\w[\w-]*$")


@dataclass(frozen=True)
class Roles:
    """Columns by role.

    Attributes:
        subject: the ids; None if rows are numbered.
        patient: the patients; None if every subject is a patient.
        label: the classes.
        volumes: column by image modality.
        clinical: columns of the vector modality, in order.
        kept: columns that are kept for splits.
        targets: the columns that the task reads, by default that of the classes.
    """

    subject: str | None
    patient: str | None
    label: str
    volumes: dict[str, str]
    clinical: tuple[str, ...]
    kept: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()


def find_roles(table: Table, config: ManifestConfig, problems: Problems) -> Roles:
    """Determine the role of each column; a column of the settings that the table lacks is a problem."""
    columns = config.columns
    if columns.subject is not None and columns.subject not in table.header:
        problems.add(
            f"unknown column {columns.subject!r} (columns.subject); {near(columns.subject, table.header)}; for a table "
            f"without ids, set `columns: {{subject: null}}`"
        )
    if config.task is None:
        _expect(table, columns.label, "columns.label", problems)
        labels: tuple[str, ...] = (columns.label,)
    else:
        labels = config.task.build().columns(columns.label)
        for column in labels:
            _expect(table, column, "task", problems)
    patient = _patient(table, config, problems)
    identity = {columns.subject or columns.label, columns.label, *labels, patient or _PATIENT, _PATIENT}
    extra = _columns_of_crops(table, config, problems)
    volumes = _volumes(table, config, identity | extra, problems)
    taken = identity | extra | set(volumes.values())
    included = set((config.clinical and config.clinical.include) or ())
    kept = find_kept(table, config, taken | included, problems)
    clinical = _clinical(table, config, taken | (set(kept) - included), identity, problems)
    if config.clinical is not None and clinical and config.clinical.name in volumes:
        problems.add(
            f"a volume and the clinical modality are both called {config.clinical.name!r}; set `clinical.name`"
        )
    if not volumes and not clinical and not config.tables:
        problems.add("there are neither volumes nor clinical columns; check `volumes` and `clinical`")
    return Roles(columns.subject, patient, columns.label, volumes, clinical, kept, labels)


def _expect(table: Table, column: str, setting: str, problems: Problems) -> None:
    if column not in table.header:
        problems.add(f"unknown column {column!r} ({setting}); {near(column, table.header)}")


def _patient(table: Table, config: ManifestConfig, problems: Problems) -> str | None:
    """The column of patients, if there is one; without it a patient could be in training and test."""
    named = config.columns.patient
    if config.columns.subject == (named or _PATIENT):
        return None
    if named is not None:
        _expect(table, named, "columns.patient", problems)
        return named
    if _PATIENT in table.header:
        return _PATIENT
    for name in table.header:
        if name in (config.columns.subject, config.columns.label):
            continue
        if re.sub(r"[\W_]", "", name).lower() in ("patient", "patients", "patientid"):
            problems.add(
                f"the column {name!r} looks like patients: set `columns.patient` to it, or to "
                f"{config.columns.subject or name!r} if every subject is a patient"
            )
    return None


def _columns_of_crops(table: Table, config: ManifestConfig, problems: Problems) -> set[str]:
    """Columns with masks, bounds of boxes and rows of arrays."""
    found: set[str] = set()
    for name, volume in (config.volumes or {}).items():
        if isinstance(volume.row, str):
            _expect(table, volume.row, f"volumes.{name}.row", problems)
            found.add(volume.row)
    own = [volume.preprocess for volume in (config.volumes or {}).values()]
    for settings in (config.preprocess, *own):
        if settings.crop is None:
            continue
        if settings.crop.mask is not None:
            _expect(table, settings.crop.mask, "crop.mask", problems)
            found.add(settings.crop.mask)
        for column in settings.crop.box.columns() if settings.crop.box else ():
            _expect(table, column, "crop.box", problems)
            found.add(column)
    return found


def _volumes(table: Table, config: ManifestConfig, taken: set[str], problems: Problems) -> dict[str, str]:
    if config.volumes is None:
        found = [name for name in table.header if name not in taken and _holds_paths(table, name)]
        for name in found:
            if not _MODALITY.match(name):
                problems.add(
                    f"the column {name!r} holds volumes, but its name is not a valid name of a modality; name it "
                    f"with volumes: {{some_name: {name!r}}}"
                )
        return {name: name for name in found}
    named = {name: _column_of(name, volume) for name, volume in config.volumes.items()}
    for name, column in named.items():
        _expect(table, column, f"volumes.{name}.column", problems)
        if column in taken:
            problems.add(f"the column {column!r} has another role and cannot be the volumes of {name!r}")
    return {name: column for name, column in named.items() if column in table.header}


def _column_of(name: str, volume: VolumeSettings) -> str:
    return name if volume.column is None else volume.column


def _holds_paths(table: Table, column: str) -> bool:
    values = [value for value in table.column(column) if value]
    if values and re.search(r"\w", values[0]) and holds_dicom(table.file.parent / values[0]):
        return True
    return sum(value.lower().endswith((*SUFFIXES, MARK)) for value in values) > _MOSTLY * len(values)


def _clinical(
    table: Table, config: ManifestConfig, taken: set[str], identity: set[str], problems: Problems
) -> tuple[str, ...]:
    settings = config.clinical
    if settings is None:
        return ()
    since = () if settings.since is None else (settings.since,)
    named = {name: getattr(settings, name) or () for name in _NAMING} | {"since": since}
    for setting, column in [(setting, column) for setting, columns in named.items() for column in columns]:
        _expect(table, column, f"clinical.{setting}", problems)
    for column in set(settings.categorical) & set(settings.numeric):
        problems.add(f"the column {column!r} is both in `clinical.categorical` and in `clinical.numeric`")
    if settings.include is None and config.tables:
        return ()
    if settings.include is None:
        # Columns of paths without a role are not clinical values either.
        free = (name for name in table.header if name not in taken and not _holds_paths(table, name))
        return tuple(name for name in free if name not in settings.exclude)
    for column in settings.include:
        if column in identity:
            problems.add(
                f"the column {column!r} holds the subject, the patient or the class and cannot be a clinical value"
            )
        elif column in taken:
            problems.add(f"the column {column!r} has another role and cannot be a clinical value")
    return tuple(name for name in settings.include if name in table.header and name not in settings.exclude)
