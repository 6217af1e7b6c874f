"""From a folder to a table: the one in it, or a new one for volumes that are sorted into a folder per class."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

from xdistill.cli.init.plan import IMAGES
from xdistill.errors import UserError
from xdistill.untrusted import CsvWriter

_TABLES: Final = (".csv", ".tsv", ".xlsx", ".parquet")
WRITTEN: Final = "cohort.csv"


def table_in(folder: Path) -> Path | None:
    """The table of a folder; None if it has none.

    Raises:
        UserError: if it has several.
    """
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in _TABLES and path.is_file())
    if len(found) > 1:
        names = ", ".join(path.name for path in found[:5])
        raise UserError(f"{folder}: there are {len(found)} tables ({names}); name the one with one row per subject")
    return found[0] if found else None


def table_of_classes(folder: Path) -> str:
    """A CSV table of the images in ``folder/CLASS/``, a row per file; the name of a file is the subject's id.

    Raises:
        UserError: if there are no two folders with images.
    """
    classes = {
        place.name: sorted(path for path in place.iterdir() if path.name.lower().endswith(IMAGES))
        for place in sorted(folder.iterdir())
        if place.is_dir()
    }
    classes = {name: files for name, files in classes.items() if files}
    if len(classes) < 2:  # noqa: PLR2004 - classes
        raise UserError(
            f"{folder}: it has no table (CSV, TSV, XLSX, Parquet), and no two folders with images "
            f"({', '.join(IMAGES)}), one per class; write a table with a row per subject and the paths of its images, "
            f"of DICOM series with `xdistill data dicom {folder}`"
        )
    text = io.StringIO()
    writer = CsvWriter(text)
    writer.writerow(["subject", "label", "image"])
    for name, files in classes.items():
        for file in files:
            writer.writerow([f"{name}-{_stem(file)}", name, file.relative_to(folder).as_posix()])
    return text.getvalue()


def _stem(file: Path) -> str:
    ending = max((suffix for suffix in IMAGES if file.name.lower().endswith(suffix)), key=len)
    return file.name[: -len(ending)]
