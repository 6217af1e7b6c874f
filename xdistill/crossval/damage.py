"""Finds what was damaged since an earlier command wrote it, so that nothing wrong becomes a result."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator
from typing import Any

from xdistill.crossval.events import Event, FoldDamaged, ResultsDamaged
from xdistill.crossval.prepare import Prepared
from xdistill.errors import RunError
from xdistill.runs import RunFolder, load_run, read_record
from xdistill.runs.files import explained
from xdistill.runs.integrity import check_fold


def discard_damaged(prepared: Prepared) -> Iterator[Event]:
    """Remove finished folds of which a file was changed or lost, so that they are trained again."""
    folder, task = prepared.folder, prepared.cohort.schema.task
    for split in prepared.splits:
        path = folder.fold(split.name)
        if not path.exists():
            continue
        try:
            check_fold(folder, split, run=prepared.identity, task=task)
        except RunError as error:
            with explained(path):
                shutil.rmtree(path)
            yield FoldDamaged(split.name, str(error))


def is_finished(prepared: Prepared) -> Generator[Event, None, bool]:
    """Whether the run is finished and its files are as they were written; removes a report that may not be."""
    folder = prepared.folder
    record = yield from known_record(folder)
    if record.get("status") != "finished" or not all(map(folder.finished, prepared.folds)):
        return False
    if not folder.checksums.is_file():  # stopped between the record and its checksums
        return False
    try:
        load_run(folder.path)
    except RunError as error:
        folder.report.unlink(missing_ok=True)
        yield ResultsDamaged(str(folder.path), str(error))
        return False
    return True


def known_record(folder: RunFolder) -> Generator[Event, None, dict[str, Any]]:
    """The record that an earlier command wrote; empty if there is none that can be read."""
    if not folder.record.is_file():
        return {}
    try:
        return read_record(folder.record)
    except RunError as error:
        yield ResultsDamaged(str(folder.path), str(error))
        return {}
