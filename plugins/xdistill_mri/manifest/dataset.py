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
from xdistill_mri.manifest.config import ManifestConfig
from xdistill_mri.manifest.entries import Cohort, Entry, read_cohort
from xdistill_mri.manifest.panels import files_of
from xdistill_mri.reader import Reading, VolumeReader, VolumeReading

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from xdistill_mri.preprocess.source import VolumeSource

_LOOKED_AT = 200  # files per modality whose headers are read for their orientation and grid


class ManifestDataset(Dataset):
    """A cohort described by a table with one row per subject, which names NIfTI files and NumPy arrays.

    Image modalities have the shape ``(1, depth, height, width)``: of a NIfTI file's axes z is depth, y is height
    and x is width; .npy and .npz arrays are depth, height, width as they are. Clinical columns become one or several
    vector modalities, in which NaN means missing; a subject without any value lacks the modality. A file with unknown
    spacing is used as it is.
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
            name: ModalitySpec("volume", self._shape(name), unit=self._unit(name)) for name in self.cohort.modalities
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
        """The values of one subject: volumes are float32, the clinical vector is float64."""
        import numpy as np

        from xdistill_mri.preprocess.pipeline import one_thread

        entry = self.cohort.entries[row]
        values: dict[str, NDArray[np.generic] | None] = {}
        with one_thread():
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

    def reading(self) -> TableReading:
        """How the tables were read, as far as it was found by looking."""
        story = self.cohort.story
        return TableReading(tuple(story.notes), story.columns)

    @classmethod
    def cache_settings(cls, settings: Settings) -> Mapping[str, Any]:
        """All but where files lie; newer settings only if they are set."""
        return settings.kept() if isinstance(settings, ManifestConfig) else super().cache_settings(settings)

    def load_many(self, rows: Sequence[int]) -> Iterator[Mapping[str, NDArray[np.generic] | None]]:
        """The values of several subjects, in the order of ``rows``."""
        return (self.load(row) for row in rows)

    def sources(self) -> Sequence[Path]:
        """The CSV file and every volume and mask that it names."""
        from xdistill_mri.preprocess.folder import files_in

        files = dict.fromkeys([self.path, *files_of(self.path, self.config)])
        for entry in self.cohort.entries:
            for source in entry.volumes.values():
                if source is not None:
                    files |= dict.fromkeys(file for one in (source.file, source.mask) for file in files_in(one))
        return list(files)

    def reader_settings(self, modalities: Sequence[str]) -> Mapping[str, Any]:
        """Column, array and preprocessing of each volume."""
        volumes = self.config.volumes or {}
        reading = Reading(
            volumes={
                name: VolumeReading(
                    column=(volumes[name].column if name in volumes else None) or name,
                    array=volumes[name].array if name in volumes else None,
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
        return DatasetFacts(
            title=self.config.title or self.path.name,
            synthetic=self.config.synthetic,
            source=self.config.source,
            grids={name: grid for name in self.cohort.modalities if (grid := self._grid(name)).files},
            reading=self.reading(),
        )

    def _volume(self, entry: Entry, modality: str, source: VolumeSource) -> NDArray[np.float32]:
        values = self._prepared(entry, modality, source)
        expected = self._schema.modalities[modality].shape
        if values.shape != expected:
            first = next(other for other in self.cohort.entries if other.volumes[modality] is not None)
            raise DataError(
                f"subject {entry.subject!r}, modality {modality!r}: {source.file} becomes a volume of "
                f"{list(values.shape[1:])} and that of subject {first.subject!r} one of {list(expected[1:])} (depth, "
                f"height, width); set `preprocess.size` to give all the same size"
            )
        return values

    def _prepared(self, entry: Entry, modality: str, source: VolumeSource) -> NDArray[np.float32]:
        from xdistill_mri.preprocess.pipeline import prepare

        try:
            return prepare(source, self.config.prepared(modality))
        except DataError as error:
            raise DataError(f"subject {entry.subject!r}, modality {modality!r}: {error}") from error

    def _grid(self, modality: str) -> GridSummary:
        from xdistill_mri.preprocess.read import space_of

        known = [source for entry in self.cohort.entries if (source := entry.volumes[modality]) is not None]
        step = -(-len(known) // _LOOKED_AT) or 1
        spacing = self.config.prepared(modality).spacing_of_arrays
        return GridSummary.of([space_of(source, spacing) for source in known[::step]])

    def _orientations(self, modality: str) -> tuple[str, ...]:
        """Orientations of the files, of the first ones in a large cohort; empty where preprocessing unifies them."""
        from xdistill_mri.preprocess.read import orientation_of

        if self.config.prepared(modality).orientation is not None:
            return ()
        sources = [entry.volumes[modality] for entry in self.cohort.entries]
        files = [source.file for source in sources if source is not None][:_LOOKED_AT]
        return tuple(sorted({code for file in files if (code := orientation_of(file)) is not None}))

    def _shape(self, modality: str) -> tuple[int, ...]:
        known = self.config.prepared(modality).shape()
        if known is not None:
            return (1, *known)
        for entry in self.cohort.entries:
            source = entry.volumes[modality]
            if source is not None:
                return self._prepared(entry, modality, source).shape
        msg = f"no subject has the modality {modality!r}"  # the index refuses such a cohort
        raise AssertionError(msg)

    def _unit(self, modality: str) -> str:
        return "z-score" if self.config.prepared(modality).zscore else ""
