"""What each column of the table is for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from xdistill_mri.manifest.config import ManifestConfig, VolumeSettings
from xdistill_mri.manifest.faults import Faults, near
from xdistill_mri.manifest.table import Table

SUFFIXES = (".nii", ".nii.gz", ".npy", ".npz")
# A column counts as paths when more than this share of its cells are; the others are then mistakes.
_MOSTLY = 0.5
_PATIENT = "patient"
_MODALITY = re.compile(r"^\w[\w-]*$")


@dataclass(frozen=True)
class Roles:
    """Columns by role.

    Attributes:
        subject: the ids.
        patient: who a subject belongs to; None when every subject is a patient.
        label: the classes.
        volumes: column by image modality.
        clinical: columns of the vector modality, in order.
    """

    subject: str
    patient: str | None
    label: str
    volumes: dict[str, str]
    clinical: tuple[str, ...]


def find_roles(table: Table, config: ManifestConfig, faults: Faults) -> Roles:
    """Say what each column is for; columns that the settings name and the table lacks become faults."""
    columns = config.columns
    _expect(table, columns.subject, "columns.subject", faults)
    _expect(table, columns.label, "columns.label", faults)
    patient = _patient(table, config, faults)
    identity = {columns.subject, columns.label, patient or _PATIENT, _PATIENT}
    extra = _columns_of_crops(table, config, faults)
    volumes = _volumes(table, config, identity | extra, faults)
    taken = identity | extra | set(volumes.values())
    clinical = _clinical(table, config, taken, identity, faults)
    if config.clinical is not None and clinical and config.clinical.name in volumes:
        faults.add(f"a volume and the clinical columns are both called {config.clinical.name!r}; set clinical.name")
    if not volumes and not clinical:
        faults.add("there is neither a column of volumes nor a clinical one; check volumes and clinical")
    return Roles(columns.subject, patient, columns.label, volumes, clinical)


def _expect(table: Table, column: str, setting: str, faults: Faults) -> None:
    if column not in table.header:
        faults.add(f"there is no column {column!r} ({setting}); {near(column, table.header)}")


def _patient(table: Table, config: ManifestConfig, faults: Faults) -> str | None:
    """The column of patients, if there is one; overlooked, they would be split between training and test."""
    named = config.columns.patient
    if config.columns.subject == (named or _PATIENT):
        return None
    if named is not None:
        _expect(table, named, "columns.patient", faults)
        return named
    if _PATIENT in table.header:
        return _PATIENT
    for name in table.header:
        if name in (config.columns.subject, config.columns.label):
            continue
        if re.sub(r"[\W_]", "", name).lower() in ("patient", "patients", "patientid"):
            faults.add(
                f"the column {name!r} looks like the patient: set columns.patient to it, or to "
                f"{config.columns.subject!r} when every subject is a patient"
            )
    return None


def _columns_of_crops(table: Table, config: ManifestConfig, faults: Faults) -> set[str]:
    """Columns with masks and bounds of boxes."""
    found: set[str] = set()
    own = [volume.preprocess for volume in (config.volumes or {}).values()]
    for settings in (config.preprocess, *own):
        if settings.crop is None:
            continue
        if settings.crop.mask is not None:
            _expect(table, settings.crop.mask, "crop.mask", faults)
            found.add(settings.crop.mask)
        for column in settings.crop.box.columns() if settings.crop.box else ():
            _expect(table, column, "crop.box", faults)
            found.add(column)
    return found


def _volumes(table: Table, config: ManifestConfig, taken: set[str], faults: Faults) -> dict[str, str]:
    if config.volumes is None:
        found = [name for name in table.header if name not in taken and _holds_paths(table, name)]
        for name in found:
            if not _MODALITY.match(name):
                faults.add(
                    f"the column {name!r} holds volumes, and its name cannot be a modality's; name the modalities "
                    f"with volumes: {{some_name: {name!r}}}"
                )
        return {name: name for name in found}
    named = {name: _column_of(name, volume) for name, volume in config.volumes.items()}
    for name, column in named.items():
        _expect(table, column, f"volumes.{name}.column", faults)
        if column in taken:
            faults.add(f"the column {column!r} has another role and cannot be the volumes of {name!r}")
    return {name: column for name, column in named.items() if column in table.header}


def _column_of(name: str, volume: VolumeSettings) -> str:
    return name if volume.column is None else volume.column


def _holds_paths(table: Table, column: str) -> bool:
    values = [value for value in table.column(column) if value]
    return sum(value.lower().endswith(SUFFIXES) for value in values) > _MOSTLY * len(values)


def _clinical(
    table: Table, config: ManifestConfig, taken: set[str], identity: set[str], faults: Faults
) -> tuple[str, ...]:
    settings = config.clinical
    if settings is None:
        return ()
    for setting in ("include", "exclude", "categorical", "numeric", "units"):
        for column in getattr(settings, setting) or ():
            _expect(table, column, f"clinical.{setting}", faults)
    for column in set(settings.categorical) & set(settings.numeric):
        faults.add(f"the column {column!r} is named both in clinical.categorical and in clinical.numeric")
    if settings.include is None:
        # Paths that the settings give no role are no clinical values either.
        free = (name for name in table.header if name not in taken and not _holds_paths(table, name))
        return tuple(name for name in free if name not in settings.exclude)
    for column in settings.include:
        if column in identity:
            faults.add(f"the column {column!r} says who a subject is or its class, and cannot be a clinical value")
        elif column in taken:
            faults.add(f"the column {column!r} has another role and cannot be a clinical value")
    return tuple(name for name in settings.include if name in table.header and name not in settings.exclude)
