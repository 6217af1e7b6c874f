"""The readers of files of others, each with a file that it reads."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from studies import journal, studies_of

from xdistill.bench.load import load_benchmark
from xdistill.bench.records.attest import read_replays
from xdistill.bench.records.record import read_facts
from xdistill.data import Splits, open_cohort
from xdistill.models.config import ModelConfig, parse
from xdistill.recipe.load import load_recipe
from xdistill.runs.checksums import check_sums
from xdistill.runs.files import read_json
from xdistill.runs.schema import read_record
from xdistill.stats import read_predictions
from xdistill.tables.read import read_table
from xdistill_mri.preprocess.read import read_volume

CORPUS = Path(__file__).with_name("corpus")

READERS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "recipe": ("recipe.yaml", lambda path: load_recipe(str(path))),
    "benchmark": ("benchmark.yaml", load_benchmark),
    "record of a run": ("run.json", read_record),
    "record of a benchmark": ("record.json", lambda path: read_facts(path.parent)),
    "replays": ("replays.json", lambda path: read_replays(path.parent)),
    "splits": ("splits.json", lambda path: Splits.from_json(read_json(path))),
    "predictions": ("predictions.csv", read_predictions),
    "manifest": ("manifest.csv", read_table),
    "NIfTI": ("volume.nii", read_volume),
    "NIfTI, gzip": ("volume.nii.gz", read_volume),
    "array": ("array.npy", read_volume),
    "arrays": ("arrays.npz", read_volume),
    "settings of a model": ("config.json", lambda path: parse(ModelConfig, read_json(path), str(path))),
    "checksums": ("checksums.json", lambda path: check_sums(path.parent, required=())),
    "workbook": ("table.xlsx", read_table),
    "study": ("study.journal", studies_of),
    "cohort file": ("cohort.h5", lambda path: open_cohort(path).load()),
}


def whole(file: str, cohort: Path | None) -> bytes | None:
    """The content of a file that is as it should be; None for a cohort file where none is given."""
    made = {"volume.nii": _nifti, "volume.nii.gz": lambda: gzip.compress(_nifti()), "array.npy": _npy}
    made |= {"arrays.npz": _npz, "table.xlsx": _workbook, "study.journal": journal}
    if file in made:
        return made[file]()
    if file == "cohort.h5":
        return None if cohort is None else cohort.read_bytes()
    return (CORPUS / file).read_bytes()


def _nifti() -> bytes:
    import nibabel

    image = nibabel.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), np.eye(4))  # type: ignore[no-untyped-call]
    return bytes(image.to_bytes())


def _workbook() -> bytes:
    import openpyxl

    book, stream = openpyxl.Workbook(), io.BytesIO()
    for row in (("subject", "age", "label"), ("a", 50, "x"), ("b", 61.5, "y")):
        book.active.append(row)
    book.save(stream)
    return stream.getvalue()


def _npy() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.arange(60.0).reshape(3, 4, 5))
    return stream.getvalue()


def _npz() -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, volume=np.arange(60.0).reshape(3, 4, 5))
    return stream.getvalue()
