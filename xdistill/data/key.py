"""The key of a cohort: a hash of everything that determines its content."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from xdistill.data.file.layout import FORMAT_VERSION, canonical
from xdistill.errors import DataError
from xdistill.interfaces.component import Choice
from xdistill.interfaces.dataset import Dataset
from xdistill.recipe.schema.recipe import CacheRecipe
from xdistill.untrusted import open_regular
from xdistill.workers import cores

_AT_ONCE = 16  # files


def cache_key(data: Choice[Dataset], dataset: Dataset, cache: CacheRecipe) -> str:
    """SHA-256 (hexadecimal) of format, importer, settings, sources and storage.

    Sources enter with their content and their path relative to their common folder, so the key stays the same when the
    data are moved.

    Raises:
        DataError: if a source cannot be read.
    """
    sources = [Path(source) for source in dataset.sources()]
    settings = data.settings.model_dump(mode="json")
    if sources:
        settings = dict(data.component.cache_settings(data.settings))
    importer = data.component
    content: dict[str, Any] = {
        "format": FORMAT_VERSION,
        "importer": [f"{importer.__module__}.{importer.__qualname__}", importer.version],
        "settings": settings,
        "sources": list(zip(_names(sources), _hashes(sources), strict=True)),
        "cache": cache.model_dump(mode="json"),
    }
    found = dataset.reading().columns
    if found:  # what was detected, which newer versions find
        content["reading"] = dict(found)
    kept = sorted(dataset.kept_columns())
    if kept:  # files without such columns are older than they
        content["kept"] = kept
    return sha256(canonical(content)).hexdigest()


def _names(sources: Sequence[Path]) -> list[str]:
    paths = [os.path.abspath(source) for source in sources]  # noqa: PTH100  # resolve() would follow links
    if not paths:
        return []
    root = os.path.commonpath([os.path.dirname(path) for path in paths])  # noqa: PTH120  # the same
    return [path[len(root) :].replace(os.sep, "/").lstrip("/") for path in paths]


def _hashes(sources: Sequence[Path]) -> list[str]:
    # hashlib releases the GIL, so threads read and hash at the same time; a series of DICOM has many small files.
    pieces = [sources[first : first + _AT_ONCE] for first in range(0, len(sources), _AT_ONCE)]
    with ThreadPoolExecutor(max_workers=min(8, cores())) as pool:
        return [digest for digests in pool.map(lambda piece: list(map(_hash, piece)), pieces) for digest in digests]


def _hash(source: Path) -> str:
    try:
        with open_regular(source) as stream:
            return file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{source}: cannot be read: {error.strerror or error}") from error
