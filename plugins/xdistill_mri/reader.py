"""Reads volumes of new subjects with the preprocessing of the cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from xdistill.errors import DataError, UserError
from xdistill.interfaces import Cell, Settings, Space, SubjectReader
from xdistill.tables import Reading as CellReading
from xdistill.tables import plain_row
from xdistill.types import Schema
from xdistill_mri.preprocess.folder import holds_dicom
from xdistill_mri.preprocess.settings import Box, Preprocess
from xdistill_mri.preprocess.source import PICTURES, SUFFIXES, TIFF, VOLUMES, Bounds, VolumeSource

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

ARRAYS = (".npy", ".npz")


class VolumeReading(Settings):
    """How one image modality is read.

    Attributes:
        column: of the table.
        array: of .npz files.
        row: the column with a subject's index in an array that holds all; None: each file holds one subject.
        preprocess: as in training.
        orientations: of the training files, if the preprocessing does not unify them; empty: any.
    """

    column: str
    array: str | None = None
    row: str | None = None
    preprocess: Preprocess = Preprocess()
    orientations: tuple[str, ...] = ()


class Reading(Settings):
    """How all image modalities are read, and the cells of vectors that are not plain (`xdistill.tables.Reading`)."""

    volumes: Mapping[str, VolumeReading]
    subject: str = "subject"
    cells: tuple[Mapping[str, Any], ...] = ()


class VolumeReader(SubjectReader):
    """Reads volumes and pictures.

    Args:
        settings: what `Reading` dumped.
        schema: the student's modalities.

    Raises:
        UserError: if the settings are not valid.
    """

    suffixes: Sequence[str]

    def __init__(self, settings: Mapping[str, object], schema: Schema) -> None:
        try:
            self.reading = Reading.model_validate(settings)
        except ValidationError as error:
            raise UserError(f"the model's settings for reading volumes are not valid: {error}") from None
        self.schema = schema
        kinds = {schema.modalities[name].kind for name in self.reading.volumes if name in schema.modalities}
        of_kind: dict[str, tuple[str, ...]] = {"volume": (*VOLUMES, *TIFF), "image": (*PICTURES, *ARRAYS)}
        self.suffixes = of_kind.get(next(iter(kinds)), SUFFIXES) if len(kinds) == 1 else SUFFIXES
        self.subject = self.reading.subject
        self.columns = {name: volume.column for name, volume in self.reading.volumes.items()}
        self._cells = [CellReading.from_json(cells) for cells in self.reading.cells]

    def plain(self, row: Mapping[str, str]) -> Mapping[str, str]:
        """The row with the cells of vectors as numbers and names, read as in training."""
        return plain_row(row, self._cells) if self._cells else row

    def further_columns(self, modality: str) -> Sequence[str]:
        """Columns with masks, bounds of boxes, and rows of arrays."""
        volume = self.reading.volumes[modality]
        row, crop = [volume.row] if volume.row else [], volume.preprocess.crop
        if crop is None:
            return row
        return [*row, *([crop.mask] if crop.mask else []), *(crop.box.columns() if crop.box else ())]

    def read(self, modality: str, cell: Cell) -> NDArray[np.float32]:
        """The prepared volume, ``(channels, depth, height, width)``, or picture, ``(channels, height, width)``."""
        from xdistill_mri.preprocess.pipeline import prepare

        source = self._source(modality, cell)
        self._check_orientation(modality, source.file)
        values = prepare(source, self.reading.volumes[modality].preprocess)
        expected = self.schema.modalities[modality].shape
        if values.shape != expected:
            raise DataError(f"modality {modality!r}: {source.file} {self._unfit(modality, values.shape)}")
        return values

    def _unfit(self, modality: str, shape: tuple[int, ...]) -> str:
        spec = self.schema.modalities[modality]
        what, axes = "volume", "depth, height, width"
        if spec.kind == "image":
            what, axes = "picture", "height, width"
        if shape[0] != spec.shape[0]:
            return (
                f"has {shape[0]} channels, but the model was trained on {what}s of {spec.shape[0]}; convert it, or "
                f"train with `preprocess.colour`"
            )
        return (
            f"becomes a {what} of {list(shape[1:])}, but the model was trained on {what}s of {list(spec.shape[1:])} "
            f"({axes}); resample it to that size"
        )

    def space(self, modality: str, cell: Cell) -> Space:
        """The grid of the file and that of the prepared volume."""
        from xdistill_mri.preprocess.pipeline import grids

        before, after = grids(self._source(modality, cell), self.reading.volumes[modality].preprocess)
        return Space(before.values.shape, before.affine, after.affine)

    def _check_orientation(self, modality: str, file: Path) -> None:
        """Reject a file whose axes point elsewhere than those of all training files."""
        known = self.reading.volumes[modality].orientations
        if not known:
            return
        from xdistill_mri.preprocess.formats import orientation_of

        found = orientation_of(file)
        if found is not None and found not in known:
            raise DataError(
                f"modality {modality!r}: {file} has the orientation {found}, but the training volumes had "
                f"{' or '.join(known)}; reorient it, or train with `preprocess.orientation`"
            )

    def _source(self, modality: str, cell: Cell) -> VolumeSource:
        volume = self.reading.volumes[modality]
        crop = volume.preprocess.crop
        mask = None
        if crop is not None and crop.mask is not None:
            text = cell.row.get(crop.mask, "")
            if not text:
                raise DataError(f"modality {modality!r}: no mask to crop the volume by; name it as `{crop.mask}`")
            mask = self._file(modality, cell.folder / text)
        box = None if crop is None or crop.box is None else self._bounds(modality, crop.box, cell)
        row = None if volume.row is None else _number(modality, cell.row.get(volume.row, ""), volume.row)
        return VolumeSource(self._file(modality, cell.folder / cell.text), mask, box, volume.array, row)

    def _file(self, modality: str, file: Path) -> Path:
        if file.is_dir() and holds_dicom(file):
            return file
        if not file.name.lower().endswith(tuple(self.suffixes)):
            what = "picture" if self.suffixes[0] in PICTURES else "volume"
            raise DataError(f"modality {modality!r}: {file} is not a {what}; files end in {', '.join(self.suffixes)}")
        if file.is_dir():
            raise DataError(f"modality {modality!r}: {file} is a folder; name a file")
        return file

    def _bounds(self, modality: str, box: Box, cell: Cell) -> Bounds:
        numbers = [
            bound if isinstance(bound, int) else _number(modality, cell.row.get(bound, ""), bound)
            for bound in (*box.depth, *box.height, *box.width)
        ]
        return (numbers[0], numbers[1]), (numbers[2], numbers[3]), (numbers[4], numbers[5])


def _number(modality: str, text: str, column: str) -> int:
    if not text.isdecimal():
        raise DataError(f"modality {modality!r}: {text!r} in the column {column!r} is not a whole number from 0")
    return int(text)
