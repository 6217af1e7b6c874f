"""Whether the page of a run is still what would be drawn, so that showing a finished run does not draw it again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from xdistill.recipe.schema.recipe import CONTROLS
from xdistill.runs import Run
from xdistill.runs.files import read_json

_STAMP: Final = re.compile(r"<!-- made of ([0-9a-f]{64}), content ([0-9a-f]{64}) -->\n\Z")


def stamped(page: str, source: str) -> str:
    """The page with a last line that holds what it was made of and a checksum of its text."""
    return f"{page}<!-- made of {source}, content {_digest(page)} -->\n" if source else page


def is_current(path: Path, source: str) -> bool:
    """Whether the file is a page that was made of this source and not changed since."""
    try:
        text = path.read_text(encoding="utf-8") if source else ""
    except (OSError, UnicodeDecodeError):
        return False
    found = _STAMP.search(text)
    return found is not None and found[1] == source and found[2] == _digest(text[: found.start()])


def source_of(run: Run, *, cohort: Any, show_subjects: bool) -> str:
    """SHA-256 of all that decides the page; empty for a run without checksums.

    Args:
        run: a finished run, whose files were checked.
        cohort: as for the page.
        show_subjects: as for the page.
    """
    if not run.folder.checksums.is_file():
        return ""
    parts = [
        *_checksums(run),
        "" if cohort is None else str(cohort.fingerprint),
        str(show_subjects),
        *sorted(run.extra_metrics),
        _software(),
    ]
    return _digest("\n".join(parts))


def _checksums(run: Run) -> Iterator[str]:
    """Those of the run, and of runs that may be its controls."""
    yield str(read_json(run.folder.checksums))
    for control in CONTROLS:
        folder = run.path.parent.with_name(f"{run.path.parent.name}-control-{control}")
        for path in sorted(folder.glob("*/checksums.json")):
            yield f"{path.parent.name} {read_json(path)}"


@cache
def _software() -> str:
    """The files of the package, templates included, and the version of what draws."""
    root = Path(__file__).parents[2]
    hashed = sha256(version("matplotlib").encode())
    for folder in ("report", "runs", "stats", "tasks"):
        for file in sorted((root / folder).rglob("*")):
            if file.is_file() and file.suffix != ".pyc":
                hashed.update(f"{file.relative_to(root)}".encode() + file.read_bytes())
    return hashed.hexdigest()


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8")).hexdigest()
