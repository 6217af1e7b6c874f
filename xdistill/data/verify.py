"""Checks the whole content of a cohort file and names the affected subjects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from xdistill.data.file.checksum import checksum
from xdistill.data.file.compression import is_blosc2, require_blosc2
from xdistill.data.file.guard import metadata_problem
from xdistill.data.file.layout import values_digest
from xdistill.data.file.tables import ModalityTable, Tables, open_file, read_tables
from xdistill.errors import CacheError


def verify_cohort(path: Path) -> list[str]:
    """All problems of a cohort file, one line each; empty if it is intact.

    All values are read through HDF5, which checks Fletcher-32, and compared with their SHA-256. The tables are
    compared with the digest of each subject and with the fingerprint.

    Raises:
        CacheError: if the path does not hold a cohort of this format version.
        UserError: if its compression is not installed.
    """
    with open_file(path) as file:
        problems: list[str] = []
        try:
            tables = read_tables(path, file)
        except CacheError as error:
            problems.append(str(error))
            try:
                tables = read_tables(path, file, lenient=True)
            except CacheError:
                return problems
        problems += [
            f"subject {subject!r}: its id, patient, target or list of values does not match its digest"
            for subject in tables.altered_subjects()
        ]
        if not tables.is_whole():
            problems.append("the schema or the list of subjects does not match the fingerprint")
        for name, table in tables.modalities.items():
            problems += _verify_modality(file, tables, name, table)
        if not problems and (problem := metadata_problem(file)):
            problems.append(f"{problem}: an attribute, a table or the layout of the values was changed")
    return problems


def _verify_modality(file: h5py.File, tables: Tables, name: str, table: ModalityTable) -> Iterator[str]:
    values = file[f"modalities/{name}/values"]
    if is_blosc2(values):
        require_blosc2()
    buffer = np.empty(table.spec.shape, dtype=table.stored)
    for row, subject in enumerate(tables.subjects):
        problem = _problem(values, buffer, table, row)
        if problem:
            yield f"subject {subject!r}, modality {name!r}: {problem}"


def _problem(values: Any, buffer: NDArray[Any], table: ModalityTable, row: int) -> str:
    try:
        values.read_direct(buffer, np.s_[row])
    except (OSError, RuntimeError) as error:
        return f"HDF5 cannot read the values ({str(error).partition(chr(10))[0]})"
    if not table.present[row]:
        return "there are values, but the subject does not have this modality" if buffer.any() else ""
    if values_digest(buffer) != table.digests[row].tobytes():
        return "the values do not match their SHA-256"
    if checksum(buffer) != int(table.checksums[row]):
        return "the checksum does not match the values"
    return ""
