"""Types, hashes and limits of the format of cohort files, which ``docs/formats/cohort.md`` describes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xdistill.errors import CacheError
from xdistill.interfaces.dataset import SubjectRow
from xdistill.recipe.schema.recipe import CacheRecipe
from xdistill.types import ModalitySpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT = "xdistill-cohort"
FORMAT_VERSION = 1
DIGEST_BYTES = 32
LARGEST_CHUNK = 2**32 - 1  # bytes; the limit of one chunk in every HDF5 since 1.10

REBUILD = "delete it and build it again with `xdistill data build`"


def stored_dtype(spec: ModalitySpec, cache: CacheRecipe) -> str:
    """Type in which the values of a modality are stored: vectors exactly, volumes and images as the recipe says."""
    if spec.kind == "vector":
        return "<f8"
    if spec.kind in {"volume", "image"} and cache.dtype == "float16":
        return "<f2"
    return "<f4"


def loaded_dtype(spec: ModalitySpec) -> str:
    """Type in which the values of a modality are returned: vectors as float64, everything else as float32."""
    return "float64" if spec.kind == "vector" else "float32"


def canonical(data: Any) -> bytes:
    """Canonical JSON: sorted keys, no white space, ASCII; the input of the hashes of the format."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def values_digest(values: NDArray[np.generic]) -> bytes:
    """SHA-256 of the stored values of one subject: little endian, C order."""
    return sha256(values.data).digest()


def subject_digest(row: SubjectRow, values: Mapping[str, bytes | None]) -> bytes:
    """SHA-256 of all data of one subject.

    Args:
        row: id, patient and target.
        values: digest of the subject's values by modality; None for a modality that it does not have.
    """
    return sha256(
        canonical(
            {
                "subject": row.subject,
                "patient": row.patient,
                "target": row.target,
                "values": {name: digest.hex() if digest else None for name, digest in values.items()},
            }
        )
    ).digest()


def fingerprint(schema: Mapping[str, Any], subjects: Sequence[bytes]) -> str:
    """SHA-256 (hexadecimal) of a cohort: its schema and the digests of its subjects, in order."""
    return sha256(canonical({"schema": schema, "subjects": [digest.hex() for digest in subjects]})).hexdigest()


def damaged(path: Path, what: str) -> CacheError:
    """The error for a damaged file."""
    return CacheError(f"{path}: {what}; the file is damaged: {REBUILD}")
