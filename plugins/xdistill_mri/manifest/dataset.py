"""The data set ``manifest``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from xdistill.errors import DataError
from xdistill.interfaces import Dataset, DatasetFacts, GridSummary, Settings, SubjectRow, TableReading
from xdistill.types import ModalitySpec, Schema
from xdistill_mri.manifest.config import ManifestConfig, VolumeSettings
from xdistill_mri.manifest.entries import Cohort, Entry, read_cohort
from xdistill_mri.manifest.panels import files_of
from xdistill_mri.preprocess.source import Kind, kind_of
from xdistill_mri.reader import Reading, VolumeReader, VolumeReading

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from xdistill_mri.preprocess.source import VolumeSource

_LOOKED_AT = 200  # subjects whose headers are read for the orientation and grid of their files
_SERIES_LOOKED_AT = 50  # where a volume is a folder of many files


class ManifestDataset(Dataset):
    """A cohort described by a table with one row per subject, which names volumes and pictures.

    Volumes (NIfTI, NRRD, MHA, NumPy arrays) have the shape ``(channels, depth, height, width)``: of a NIfTI file's axes
    z is depth, y is height and x is width; .npy and .npz arrays are depth, height, width as they are. Pictures (PNG,
    JPEG, TIFF) have the shape ``(channels, height, width)``, and their colours are channels. Clinical columns become
    one or several vector modalities, in which NaN means missing; a subject without any value lacks the modality. A file
    with unknown spacing is used as it is.
    """

    name = "manifest"
    version: ClassVar[str] = "1"
    Config: ClassVar[type[Settings]] = ManifestConfig

    def __init__(self, config: ManifestConfig) -> None:
        self.config = config
        # Unlike the method of Path, this does not fail for an unknown user.
        self.path = Path(os.path.expanduser(config.path)).absolute()  # noqa: PTH111  # see above

    @cached_property
    def cohort(self) -> Cohort:
        """The content of the CSV file.

        Raises:
            DataError: with all its problems.
        """
        return read_cohort(self.path, self.config)

    @cached_property
    def _schema(self) -> Schema:
        modalities = {
            name: ModalitySpec(self._kind(name), self._shape(name), unit=self._unit(name))
            for name in self.cohort.modalities
        }
        for name, panel in self.cohort.panels.items():
            modalities[name] = ModalitySpec("vector", (len(panel.columns),), panel.columns)
        return Schema(modalities, task=self.cohort.task)

    def schema(self) -> Schema:
        """Modalities and classes; opens one volume of each modality whose settings do not determine its size."""
        return self._schema

    def index(self) -> Sequence[SubjectRow]:
        """All subjects, in the order of the rows."""
        return [SubjectRow(entry.subject, entry.patient, entry.target) for entry in self.cohort.entries]

    def kept_columns(self) -> Mapping[str, Sequence[str]]:
        """Columns for splits, such as site and date."""
        return self.cohort.kept

    def load(self, row: int) -> Mapping[str, NDArray[np.generic] | None]:
        """The values of one subject: images are float32, the clinical vector is float64."""
        import numpy as np

        entry = self.cohort.entries[row]
        values: dict[str, NDArray[np.generic] | None] = {}
        self._check_space(entry)
        for name, source in entry.volumes.items():
            values[name] = None if source is None else self._volume(entry, name, source)
        for name, vector in entry.vectors.items():
            values[name] = None if vector is None else np.array(vector, dtype=np.float64)
        return values

    def vectors(self) -> Mapping[str, NDArray[np.float64]]:
        """The vector modalities of all subjects; no volume is opened."""
        import numpy as np

        return {
            name: np.array(
                [entry.vectors[name] or (np.nan,) * len(panel.columns) for entry in self.cohort.entries],
                dtype=np.float64,
            ).reshape(-1, len(panel.columns))
            for name, panel in self.cohort.panels.items()
        }

    def presence(self) -> Mapping[str, Sequence[bool]]:
        """Which subjects have each modality, by the cells of the table."""
        entries = self.cohort.entries
        volumes = {name: [one.volumes[name] is not None for one in entries] for name in self.cohort.modalities}
        return volumes | {name: [one.vectors[name] is not None for one in entries] for name in self.cohort.panels}

    def reading(self) -> TableReading:
        """How the tables were read, as far as it was detected."""
        story = self.cohort.story
        return TableReading(tuple(story.notes), story.columns)

    @classmethod
    def cache_settings(cls, settings: Settings) -> Mapping[str, Any]:
        """All but the location of files; newer settings only if they are set."""
        return settings.kept() if isinstance(settings, ManifestConfig) else super().cache_settings(settings)

    def load_many(self, rows: Sequence[int]) -> Iterator[Mapping[str, NDArray[np.generic] | None]]:
        """The values of several subjects, in the order of ``rows``."""
        return (self.load(row) for row in rows)

    def sources(self) -> Sequence[Path]:
        """The table and every image and mask that it names."""
        from xdistill_mri.preprocess.folder import files_in
        from xdistill_mri.preprocess.space import files_of_source

        files = dict.fromkeys([self.path, *files_of(self.path, self.config)])
        for entry in self.cohort.entries:
            for source in entry.volumes.values():
                if source is not None:
                    files |= dict.fromkeys(file for one in files_of_source(source) for file in files_in(one))
        return list(files)

    def reader_settings(self, modalities: Sequence[str]) -> Mapping[str, Any]:
        """Column, array and preprocessing of each volume."""
        volumes = self.config.volumes or {}
        reading = Reading(
            volumes={
                name: VolumeReading(
                    column=(volumes[name].column if name in volumes else None) or name,
                    array=volumes[name].array if name in volumes else None,
                    row=_column_of_rows(volumes.get(name)),
                    preprocess=self.config.prepared(name),
                    orientations=self._orientations(name),
                )
                for name in modalities
                if name in self.cohort.modalities
            },
            subject=self.config.columns.subject or "subject",
            cells=[
                replace(reading, notes=()).to_json()
                for name, panel in self.cohort.panels.items()
                if name in modalities
                for reading in panel.readings
                if not reading.is_plain
            ],
        )
        return reading.model_dump(mode="json", exclude=set() if reading.cells else {"cells"})

    @classmethod
    def reader(cls, settings: Mapping[str, Any], schema: Schema) -> VolumeReader:
        """Reads volumes of new subjects with the same preprocessing."""
        return VolumeReader(settings, schema)

    def facts(self) -> DatasetFacts:
        """Title and source from the settings, and the grids of some files of each modality, evenly taken."""
        from xdistill_mri.preprocess.space import survey

        difference = self._differences if self.config.space == "warn" else None
        spaces, remarks = survey(self._some_entries(), self.config.prepared, difference)
        return DatasetFacts(
            title=self.config.title or self.path.name,
            synthetic=self.config.synthetic,
            source=self.config.source,
            grids={name: GridSummary.of(spaces[name]) for name in self.cohort.modalities if name in spaces},
            reading=self.reading(),
            remarks=remarks,
        )

    def _some_entries(self) -> list[Entry]:
        entries = self.cohort.entries
        folders = any(source.file.is_dir() for source in entries[0].volumes.values() if source is not None)
        limit = _SERIES_LOOKED_AT if folders else _LOOKED_AT
        return list(entries[:: -(-len(entries) // limit) or 1])

    def _volume(self, entry: Entry, modality: str, source: VolumeSource) -> NDArray[np.float32]:
        values = self._prepared(entry, modality, source)
        expected = self._schema.modalities[modality].shape
        if values.shape != expected:
            first = next(other for other in self.cohort.entries if other.volumes[modality] is not None)
            what, axes = "volume", "depth, height, width"
            if self._kind(modality) == "image":
                what, axes = "picture", "height, width"
            if values.shape[0] != expected[0]:
                raise DataError(
                    f"subject {entry.subject!r}, modality {modality!r}: {source.file} has {_channels(values.shape[0])} "
                    f"and that of subject {first.subject!r} has {_channels(expected[0])}; set `preprocess.colour` to "
                    f"grey or rgb"
                )
            raise DataError(
                f"subject {entry.subject!r}, modality {modality!r}: {source.file} becomes a {what} of "
                f"{list(values.shape[1:])} and that of subject {first.subject!r} one of {list(expected[1:])} ({axes}); "
                f"set `preprocess.size` to give all the same size"
            )
        return values

    def _prepared(self, entry: Entry, modality: str, source: VolumeSource) -> NDArray[np.float32]:
        from xdistill_mri.preprocess.pipeline import prepare

        try:
            return prepare(source, self.config.prepared(modality))
        except DataError as error:
            raise DataError(f"subject {entry.subject!r}, modality {modality!r}: {error}") from error

    def _orientations(self, modality: str) -> tuple[str, ...]:
        """Orientations of the files, of the first ones in a large cohort; empty where preprocessing unifies them."""
        from xdistill_mri.preprocess.formats import orientation_of

        if self.config.prepared(modality).orientation is not None or self._kind(modality) == "image":
            return ()
        sources = [entry.volumes[modality] for entry in self.cohort.entries]
        files = [source.file for source in sources if source is not None][:_LOOKED_AT]
        return tuple(sorted({code for file in files if (code := orientation_of(file)) is not None}))

    def _kind(self, modality: str) -> Kind:
        kind = self.config.prepared(modality).kind
        return kind or kind_of(next(source for source in self._sources(modality) if source is not None).file)

    def _sources(self, modality: str) -> list[VolumeSource | None]:
        return [entry.volumes[modality] for entry in self.cohort.entries]

    def _shape(self, modality: str) -> tuple[int, ...]:
        """As the settings say, or that of the first file that can be read."""
        settings = self.config.prepared(modality)
        known = settings.shape()
        channels = {None: 1 if self._kind(modality) == "volume" else None, "grey": 1, "rgb": 3}[settings.colour]
        if known is not None and channels is not None and settings.channel is None and settings.channels is None:
            return (channels, *known)
        failed: list[DataError] = []
        for entry, source in zip(self.cohort.entries, self._sources(modality), strict=True):
            if source is None:
                continue
            try:
                return self._prepared(entry, modality, source).shape
            except DataError as error:
                failed.append(error)
        if len(failed) == 1:
            raise failed[0]
        raise DataError(f"none of the {len(failed)} files of {modality!r} can be read; the first: {failed[0]}")

    def _check_space(self, entry: Entry) -> None:
        """Raise what `space.differences` finds, if the settings say so."""
        if self.config.space == "refuse" and (found := self._differences(entry)):
            raise DataError(f"subject {entry.subject!r}: {found}; register the volumes, or set `space: ignore`")

    def _differences(self, entry: Entry) -> str:
        from xdistill_mri.preprocess.space import differences

        sources = {
            name: (source, self.config.prepared(name))
            for name, source in entry.volumes.items()
            if source is not None and self._kind(name) == "volume"
        }
        return differences(sources)

    def _unit(self, modality: str) -> str:
        return "z-score" if self.config.prepared(modality).zscore else ""


def _column_of_rows(volume: VolumeSettings | None) -> str | None:
    return volume.row if volume is not None and isinstance(volume.row, str) else None


def _channels(count: int) -> str:
    return "1 channel" if count == 1 else f"{count} channels"
