"""The settings of the data set ``manifest``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, ValidationInfo, field_validator, model_serializer

from xdistill.interfaces import Settings, TaskSettings
from xdistill_mri.manifest.cells import (
    CellSettings,
    ColumnSettings,
    FileSettings,
    PanelSettings,
    short_panels,
    without_defaults,
)
from xdistill_mri.preprocess.settings import Preprocess

ModalityName = Annotated[str, Field(pattern=r"^\w[\w-]*$")]


class Columns(Settings):
    """Names of the columns with the subject, the patient and the class."""

    subject: str | None = Field(default="subject", description="unique id of the subject; null: rows are numbered")
    patient: str | None = Field(
        default=None,
        description="the patient, if one patient has several subjects; null: the column `patient` if "
        "there is one, else every subject is a patient, as when the subject's column is named here",
    )
    label: str = Field(default="label", description="the class")


class VolumeSettings(Settings):
    """One image modality."""

    column: str | None = Field(default=None, description="column with the paths; null: the modality's own name")
    array: str | None = Field(default=None, description="which array of .npz files; null: their only one")
    row: Literal[True] | str | None = Field(
        default=None,
        description="for one array that holds all subjects along its first axis: the column with the index of each "
        "subject, counted from 0; true: the number of the table's row; null: each file holds one subject",
    )
    preprocess: Preprocess = Field(default=Preprocess(), description="fields that differ from the common `preprocess`")

    @model_serializer(mode="wrap")
    def _dump(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out `row` where it is not set, so that cohorts from before it existed keep their keys."""
        plain: dict[str, Any] = handler(self)
        return {name: value for name, value in plain.items() if name != "row" or value is not None}


class ClinicalSettings(ColumnSettings):
    """The columns that become one vector modality."""

    name: ModalityName = Field(default="clinical", description="name of the modality")
    include: tuple[str, ...] | None = Field(
        default=None, description="columns to use, in this order; null: all that have no other role"
    )


class ManifestConfig(FileSettings, TaskSettings):
    """The files of the cohort and the roles of its columns."""

    path: Path = Field(description="the table: CSV, TSV, XLSX or Parquet; paths in it are relative to its folder")
    columns: Columns = Field(default=Columns(), description="columns with subject, patient and class")
    preprocess: Preprocess = Field(default=Preprocess(), description="preprocessing of all volumes")
    volumes: Mapping[ModalityName, VolumeSettings] | None = Field(
        default=None,
        description="image modalities by name; null: every column whose values end in .nii, .nii.gz, .npy, .npz, "
        ".nrrd, .mha, .mhd, .png, .jpg or .tif, named as the column",
    )
    clinical: ClinicalSettings | None = Field(
        default=ClinicalSettings(), description="columns that become a vector; null: none"
    )
    classes: tuple[str, ...] | None = Field(
        default=None, description="order of the classes; null: sorted, by value if all labels are numbers"
    )
    tables: Mapping[ModalityName, PanelSettings] = Field(
        default={},
        description="vector modalities by name, each with columns of this table or of another file; `clinical` then "
        "has only the columns that `clinical.include` names",
    )
    without_label: Literal["refuse", "leave_out", "unlabelled"] = Field(
        default="refuse",
        description="rows without a label: an error, left out of the cohort, or unlabelled subjects, which are never "
        "scored and on which the student learns from the teacher alone",
    )
    require: tuple[str, ...] = Field(
        default=(),
        description="modalities, and columns that are kept for splits, that every subject needs; subjects without one "
        "are left out of the cohort",
    )
    missing: tuple[str, ...] = Field(
        default=("NA", "N/A", "NaN", "null"),
        description="texts that mean a missing value in any column, like an empty cell, in addition to NA, N/A, NaN "
        "and null; upper and lower case are the same",
    )
    not_missing: tuple[str, ...] = Field(
        default=(), description="texts that are values, though they usually mean a missing one"
    )
    reading: Literal["auto", "plain"] = Field(
        default="auto",
        description="auto: decimal commas, units, limits such as <0.5, dates, grades and spellings of clinical columns "
        "are detected, and reported; plain: cells are numbers with a point, or names",
    )
    keep: tuple[str, ...] | None = Field(
        default=None,
        description="columns that are kept for splits, such as site and date; they are not clinical values unless "
        "`clinical.include` names them. null: those with a usual name, such as `site`, `split`, `fold` and `date`",
    )
    space: Literal["warn", "refuse", "ignore"] = Field(
        default="warn",
        description="volumes of one subject that do not overlap in space, or whose axes are mirrored against each "
        "other: matters where a network stacks them as channels",
    )
    synthetic: bool = Field(default=False, description="true if no subject is real; tables then say so")
    title: str = Field(default="", description="one line for tables and reports; empty: the CSV file's name")
    source: str = Field(default="", description="licence and citation of the data")

    @model_serializer(mode="wrap")
    def _dump(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is newer than existing cohorts where it is not set, so that these keep their keys."""
        plain: dict[str, Any] = handler(self)
        unset = {"keep": None, "task": None, "space": "warn"}
        return {name: value for name, value in plain.items() if name not in unset or value != unset[name]}

    @field_validator("volumes", mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        """Accept ``[ed, es]`` and ``{ed: column}`` for ``{ed: {column: column}}``."""
        if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
            return {item: {} for item in value}
        if isinstance(value, Mapping):
            return {name: {"column": item} if isinstance(item, str) else item or {} for name, item in value.items()}
        return value

    @field_validator("volumes")
    @classmethod
    def _complete(
        cls, value: Mapping[str, VolumeSettings] | None, info: ValidationInfo
    ) -> Mapping[str, VolumeSettings] | None:
        """Fill in the preprocessing of each volume, so that settings have one canonical form."""
        common = info.data.get("preprocess")
        if value is None or common is None:
            return value
        return {
            name: volume.model_copy(update={"preprocess": common.overridden_by(volume.preprocess)})
            for name, volume in value.items()
        }

    @field_validator("classes", mode="before")
    @classmethod
    def _number_labels(cls, value: Any) -> Any:
        """Labels in the CSV are texts; in YAML, 0 and 1 are numbers."""
        if isinstance(value, (list, tuple)):
            return [str(item) if isinstance(item, int) and not isinstance(item, bool) else item for item in value]
        return value

    @field_validator("classes")
    @classmethod
    def _distinct_classes(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and len(set(value)) != len(value):
            raise ValueError("a class occurs twice")
        return value

    @field_validator("tables", mode="before")
    @classmethod
    def _short_tables(cls, value: Any) -> Any:
        return short_panels(value)

    def kept(self) -> dict[str, Any]:
        """What decides the content of a cohort, JSON-ready; settings that are newer than some cohorts if they are set.

        A delimiter or an encoding that is not set is a comma or UTF-8 wherever these fit.
        """
        dumped = self.model_dump(mode="json", exclude={"path": True, "tables": {"__all__": {"path"}}})
        dumped |= {"delimiter": self.delimiter or ",", "encoding": self.encoding or "utf-8"}
        dumped = {name: value for name, value in dumped.items() if name not in _NEWER or value != _NEWER[name]}
        if self.clinical is not None:
            dumped["clinical"] = without_defaults(dumped["clinical"], CellSettings)
        if any(settings.spacing is not None for settings in self._all_prepared()):
            dumped["resampling"] = "scipy"  # MONAI, used before, placed oblique volumes on another grid
        return dumped

    def _all_prepared(self) -> list[Preprocess]:
        return [self.preprocess, *(volume.preprocess for volume in (self.volumes or {}).values())]

    def prepared(self, modality: str) -> Preprocess:
        """The complete preprocessing of one modality."""
        return self.preprocess if self.volumes is None else self.volumes[modality].preprocess


_NEWER: Mapping[str, Any] = {
    "tables": {},
    "without_label": "refuse",
    "require": [],
    "not_missing": [],
    "reading": "auto",
    "sheet": None,
    "header_row": None,
}
