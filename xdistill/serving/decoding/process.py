"""Reads one request in a process of its own, with limited memory: damaged and hostile files do no harm there.

The parent sends pickles. This process answers with JSON, and with arrays in ``.npy`` files, so that nothing that it
sends can run code.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from http import HTTPStatus
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.errors import UserError
from xdistill.models.stream import Reading
from xdistill.models.subject import NewSubject
from xdistill.serving.decoding.job import ARRAYS, Job, Upload
from xdistill.serving.decoding.unpack import unpack
from xdistill.serving.fields import Fields
from xdistill.serving.limits import Limits
from xdistill.serving.refusal import RefusedError

READY = b"ready"


def decode_forever(connection: Connection, reading: Reading, fields: Fields, limits: Limits) -> None:
    """Answer jobs until the parent closes its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    _silence()
    _limit_memory(limits.memory_bytes)
    connection.send_bytes(READY)
    while True:
        try:
            job: Job = connection.recv()
        except EOFError:
            return
        connection.send_bytes(json.dumps(answer(job, reading, fields, limits)).encode())


def answer(job: Job, reading: Reading, fields: Fields, limits: Limits) -> dict[str, Any]:
    """Names of ``.npy`` files by modality, null for one that is missing; or an error with its HTTP status."""
    try:
        return {"arrays": _arrays(job, reading, fields, limits)}
    except RefusedError as error:
        return {"error": str(error), "status": error.status}
    except UserError as error:
        return {"error": _without_paths(str(error), job.upload), "status": int(HTTPStatus.UNPROCESSABLE_ENTITY)}
    except MemoryError:
        return {
            "error": "reading the files needs more memory than the server allows (see --max-unpacked-mb)",
            "status": int(HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        }
    except Exception as error:  # noqa: BLE001 - libraries raise various errors on damaged files
        return {
            "error": f"the files cannot be read ({type(error).__name__})",
            "status": int(HTTPStatus.UNPROCESSABLE_ENTITY),
        }


def _arrays(job: Job, reading: Reading, fields: Fields, limits: Limits) -> dict[str, str | None]:
    folder = job.upload.folder
    unpack(folder, job.upload.files, limits)
    if job.unpack_only:
        return {}
    subject = _of_arrays(folder, fields) if job.subject is None else job.subject
    values = reading.read(subject)
    if values.error:
        raise UserError(values.error.removeprefix(f"subject {subject.subject!r}: "))
    names: dict[str, str | None] = {}
    for number, (name, array) in enumerate(values.arrays.items()):
        names[name] = None if array is None else f"values-{number}.npy"
        if array is not None:
            np.save(folder / f"values-{number}.npy", array, allow_pickle=False)
    return names


def _of_arrays(folder: Path, fields: Fields) -> NewSubject:
    """The subject whose preprocessed values are a JSON document ``{"inputs": {modality: nested lists}}``."""
    try:
        document = json.loads((folder / ARRAYS).read_bytes())
    except (ValueError, RecursionError):
        raise RefusedError("the body is not valid JSON", HTTPStatus.BAD_REQUEST) from None
    inputs = document.get("inputs") if isinstance(document, Mapping) else None
    if not isinstance(inputs, Mapping) or len(document) != 1:
        raise RefusedError('the body is not {"inputs": {modality: array}}')
    fields.check(inputs, fields.modalities)
    vectors = {name: _numbers(name, value) for name, value in inputs.items() if value is not None}
    cells = {name: None for name in fields.modalities if name not in vectors}
    return NewSubject("1", cells, vectors, "the request", {})


def _numbers(name: str, value: Any) -> NDArray[np.float64]:
    try:
        array = np.asarray(value)
        if array.dtype.kind == "O":  # a null in a list is a missing value
            array = array.astype(np.float64)
    except (ValueError, TypeError, OverflowError):
        raise RefusedError(f"modality `{name}` is not an array of numbers") from None
    if array.dtype.kind not in "fiub":
        raise RefusedError(f"modality `{name}` is not an array of numbers")
    return array.astype(np.float64)


def _without_paths(message: str, upload: Upload) -> str:
    """The message with fields in the place of files."""
    for file in upload.files:
        message = message.replace(str(upload.folder / file.target), f"the file of `{file.field}`")
    return message.replace(f"{upload.folder}{os.sep}", "")


def _silence() -> None:
    """Libraries print parts of damaged files, which can hold names."""
    sys.stdout.flush()
    nothing = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nothing, descriptor)


def _limit_memory(further: int) -> None:
    """Limit this process to what it uses now and ``further`` bytes; on Linux alone."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        now = pages * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + further, now + further))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold the patient's data
    except (ImportError, OSError, ValueError):
        return
