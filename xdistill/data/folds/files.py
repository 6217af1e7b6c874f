"""Files of subject ids, one per line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xdistill.errors import DataError, LeakError
from xdistill.recipe.schema.crossval import SplitFiles
from xdistill.untrusted import JSON, normal_id, read_text

Rows = NDArray[np.int64]


def rows_of_files(subjects: Sequence[str], files: SplitFiles) -> tuple[Rows, Rows | None, Rows]:
    """The rows for learning, for validation (None if no file names any) and for testing.

    Args:
        subjects: ids, in the order of the cohort.
        files: with one id per line.

    Raises:
        DataError: for an unreadable file, an unknown id, or a subject that no file names.
        LeakError: for an id in two files.
    """
    row_of = {subject: row for row, subject in enumerate(subjects)}
    part_of: dict[str, str] = {}
    for part in ("train", "validation", "test"):
        path = getattr(files, part)
        for subject in [] if path is None else _read_ids(Path(path), row_of):
            if part_of.setdefault(subject, part) != part:
                raise LeakError(
                    f"{path}: the subject {subject!r} is in the file of the {part_of[subject]} part as well"
                )
    if files.train is not None and len(part_of) < len(subjects):
        first = next(subject for subject in subjects if subject not in part_of)
        raise DataError(
            f"{subjects_text(len(subjects) - len(part_of))} of {len(subjects)} are in none of the files of "
            f"`crossval.files`, the first is {first!r}; add them, or leave `train` out: then all that no other file "
            f"names are trained on"
        )
    parts = np.array([part_of.get(subject, "train") for subject in subjects])
    rows = {part: np.flatnonzero(parts == part) for part in ("train", "validation", "test")}
    if not len(rows["train"]):
        raise DataError(f"{files.test}: no subject is left for training; check `crossval.files`")
    return rows["train"], None if files.validation is None else rows["validation"], rows["test"]


def _read_ids(path: Path, known: Mapping[str, int]) -> list[str]:
    """The ids of a file, one per line; blank lines and lines that begin with # are left out."""
    try:
        lines = read_text(path, JSON).splitlines()
    except DataError as error:
        raise DataError(f"{error}; `crossval.files` names files with one subject id per line") from None
    ids = list(dict.fromkeys(normal_id(line.strip()) for line in lines if line.strip() and not line.startswith("#")))
    unknown = [subject for subject in ids if subject not in known]
    if unknown:
        raise DataError(
            f"{path}: {subjects_text(len(unknown))} of {len(ids)} are not in the cohort, the first is {unknown[0]!r}; "
            f"write one subject id per line, as the cohort has it"
        )
    if not ids:
        raise DataError(f"{path}: the file has no id; write one subject id per line")
    return ids


def subjects_text(count: int) -> str:
    """``1 subject``, ``2 subjects``."""
    return "1 subject" if count == 1 else f"{count} subjects"
