"""Files of the benchmark that carry their format and its version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xdistill.errors import RunError
from xdistill.runs.files import read_json


def read_versioned(path: Path, name: str, version: int, *, otherwise: str) -> dict[str, Any]:
    """What a JSON file holds.

    Args:
        path: the file.
        name: of the format, as the file has to say.
        version: of the format, as the file has to say.
        otherwise: what to say of a file of another format.

    Raises:
        RunError: when it is missing, of another format, or of another version.
    """
    data = read_json(path, links=False)
    if not isinstance(data, dict) or data.get("format") != name:
        raise RunError(f"{path}: {otherwise}")
    if data.get("format_version") != version:
        raise RunError(
            f"{path}: format version {data.get('format_version')}; this version of xdistill reads version {version}. "
            f"Submit the run again, or use the xdistill that wrote it"
        )
    return data
