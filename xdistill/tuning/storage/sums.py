"""Checksums of what a study in a database says, and what SQLite itself finds wrong with a file."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from xdistill.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from optuna import Study

OWNER: Final = "xdistill"
"""The user attribute of a study that says what made it."""

SUM: Final = "sum"
"""What holds a checksum: a key of the owner, and a user attribute of a trial."""

_SAYS: Final = frozenset({"identity", "recipe", "metric", "search", SUM})
_INTEGRITY: Final = ("PRAGMA integrity_check(1)", "PRAGMA foreign_key_check")


def digest_of(said: Any) -> str:
    """16 hexadecimal digits of the SHA-256 of plain data."""
    return sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()[:16]


def with_sum(owner: Mapping[str, Any]) -> dict[str, Any]:
    """What made a study, with a checksum."""
    return {**owner, SUM: digest_of(dict(owner))}


def owner_of(study: Study) -> dict[str, Any] | None:
    """What made a study; None if it does not say so. Earlier versions of xdistill wrote no checksum.

    Raises:
        UserError: if it is not what was written.
    """
    owner = study.user_attrs.get(OWNER)
    if owner is None:
        return None
    known = isinstance(owner, dict) and "identity" in owner and owner.keys() <= _SAYS
    if not known or owner.get(SUM) not in {None, digest_of({key: owner[key] for key in owner.keys() - {SUM}})}:
        raise UserError(
            f"the study {study.study_name!r} is damaged: its definition is not the one that was written. Restore the "
            f"storage from a copy, or choose another name with --study, and the search starts again"
        )
    return dict(owner)


def file_problem(path: Path, patience: float) -> str:
    """What SQLite finds wrong with a database: lost rows, rows that belong to nothing; empty if nothing is.

    Args:
        path: of the file.
        patience: seconds to wait for another process's transaction.

    Raises:
        sqlite3.Error: if it cannot be read at all.
    """
    if not path.exists() or not path.stat().st_size:
        return ""
    with closing(sqlite3.connect(path, timeout=patience)) as database:
        for question in _INTEGRITY:
            row = database.execute(question).fetchone()
            if row is not None and row[0] != "ok":
                return (
                    " ".join(str(row[0]).split())
                    if len(row) == 1
                    else f"a row of {row[0]} refers to a row that does not exist"
                )
    return ""
