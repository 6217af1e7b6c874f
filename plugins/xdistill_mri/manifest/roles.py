"""Determines the role of each column."""

from __future__ import annotations

import re
from dataclasses import dataclass

from xdistill_mri.manifest.config import ManifestConfig, VolumeSettings
from xdistill_mri.manifest.problems import Problems, near
from xdistill_mri.manifest.table import Table
from xdistill_mri.preprocess.source import SUFFIXES

# A column is taken for paths if more than this fraction of its cells are; the others are then errors.
_MOSTLY = 0.5
_PATIENT = "patient"
_MODALITY = re.compile(r"^\w[\w-]*$")


@dataclass(frozen=True)
class Roles:
    """Columns by role.

    Attributes:
        subject: the ids.
        patient: the patients; None if every subject is a patient.
        label: the classes.
        volumes: column by image modality.
        clinical: columns of the vector modality, in order.
    """

    subject: str
    patient: str | None
    label: str
    volumes: dict[str, str]
    clinical: tuple[str, ...]


def find_roles(table: Table, config: ManifestConfig, problems: Problems) -> Roles:
    """Determine the role of each column; a column of the settings that the table lacks is a problem."""
    columns = config.columns
    _expect(table, columns.subject, "columns.subject", problems)
    _expect(table, columns.label, "columns.label", problems)
    patient = _patient(table, config, problems)
    identity = {columns.subject, columns.label, patient or _PATIENT, _PATIENT}
    extra = _columns_of_crops(table, config, problems)
    volumes = _volumes(table, config, identity | extra, problems)
    taken = identity | extra | set(volumes.values())
    clinical = _clinical(table, config, taken, identity, problems)
    if config.clinical is not None and clinical and config.clinical.name in volumes:
        problems.add(
            f"a volume and the clinical modality are both called {config.clinical.name!r}; set `clinical.name`"
        )
    if not volumes and not clinical:
        problems.add("there are neither volumes nor clinical columns; check `volumes` and `clinical`")
    return Roles(columns.subject, patient, columns.label, volumes, clinical)


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
                f"{config.columns.subject!r} if every subject is a patient"
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
    return sum(value.lower().endswith(SUFFIXES) for value in values) > _MOSTLY * len(values)


def _clinical(
    table: Table, config: ManifestConfig, taken: set[str], identity: set[str], problems: Problems
) -> tuple[str, ...]:
    settings = config.clinical
    if settings is None:
        return ()
    for setting in ("include", "exclude", "categorical", "numeric", "units"):
        for column in getattr(settings, setting) or ():
            _expect(table, column, f"clinical.{setting}", problems)
    for column in set(settings.categorical) & set(settings.numeric):
        problems.add(f"the column {column!r} is both in `clinical.categorical` and in `clinical.numeric`")
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
