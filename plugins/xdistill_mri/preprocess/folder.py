"""Folders of DICOM files as volumes, through the plugin that reads them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from xdistill.errors import DataError
from xdistill.interfaces import Space
from xdistill.plugin.series import series_format
from xdistill.untrusted import open_regular
from xdistill_mri.preprocess.volume import Volume

MARK = "/"
"""Cells that end in it name folders."""

_LOOKED_AT = 200  # files of a folder, before it is taken for one without DICOM
_PREAMBLE, _MAGIC = 128, b"DICM"


def holds_dicom(folder: Path) -> bool:
    """Whether one of the first files below a folder is a DICOM file; False for anything else than a folder."""
    files = (Path(place, name) for place, _, names in os.walk(folder) for name in sorted(names))
    return any(map(_is_dicom, islice(files, _LOOKED_AT)))


def read_folder(folder: Path) -> Volume:
    """The only volume of a folder; raises as `SeriesFormat.read`."""
    found = series_format("dicom").read(folder)
    values = np.ascontiguousarray(found.values, dtype=np.float32)
    return Volume(values, folder, found.affine, oriented=True)


def space_of_folder(folder: Path) -> Space:
    """The grid of the only volume of a folder, from headers; raises as `SeriesFormat.read`."""
    return series_format("dicom").space(folder)


def files_in(path: Path | None) -> Sequence[Path]:
    """The DICOM files of a folder; anything else as it is."""
    if path is None:
        return ()
    return series_format("dicom").files(path) if path.is_dir() else (path,)


def _is_dicom(file: Path) -> bool:
    try:
        with open_regular(file) as stream:
            return stream.read(_PREAMBLE + len(_MAGIC))[_PREAMBLE:] == _MAGIC
    except (DataError, OSError):
        return False
