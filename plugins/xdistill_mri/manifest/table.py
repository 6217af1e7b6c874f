"""The table of a manifest."""

from __future__ import annotations

from pathlib import Path

from xdistill.errors import DataError
from xdistill.tables import MISSING, Format, Line, Table, read_table
from xdistill_mri.manifest.cells import FileSettings
from xdistill_mri.manifest.config import ManifestConfig
from xdistill_mri.preprocess.folder import holds_dicom

__all__ = ["Line", "Table", "open_table"]


def open_table(file: Path, form: FileSettings, config: ManifestConfig, *, setting: str) -> Table:
    """Read a table, with empty cells for texts that mean a missing value.

    Args:
        file: the table.
        form: how it is read.
        config: of the manifest, with these texts.
        setting: that names the file, for messages.

    Raises:
        DataError: if it cannot be read.
    """
    if holds_dicom(file):
        raise DataError(
            f"{file}: this is a folder of DICOM files; list its series and write a manifest with `xdistill data dicom "
            f"{file}`, and set `data.path` to that"
        )
    table = read_table(file, Format(form.delimiter, form.encoding, form.sheet, form.header_row, setting))
    missing = MISSING.union(map(str.lower, config.missing)) - set(map(str.lower, config.not_missing))
    return table.without(missing, label=config.columns.label, classes=config.classes or ())
